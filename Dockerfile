# The binary on a base without a shell, as a user without rights; the root can be read-only, state is in one volume.
#   docker build -t bedplate .
# Functions in Python need an interpreter in the image:
#   docker build -t bedplate:python --build-arg BASE=gcr.io/distroless/python3-debian12:nonroot .
ARG RUST=1.95
ARG BASE=gcr.io/distroless/cc-debian12:nonroot

FROM rust:${RUST}-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package bedplate \
 && install -D -m 0755 target/release/bedplate /image/usr/bin/bedplate \
 && install -D -m 0644 LICENSE /image/usr/share/doc/bedplate/LICENSE \
 && cargo run --quiet --package bedplate-xtask -- licences --texts /image/usr/share/doc/bedplate/THIRD-PARTY.txt \
 && install -d -m 0700 /state

FROM ${BASE}
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /state /var/lib/bedplate
ENV BEDPLATE_STATE=/var/lib/bedplate
ENV BEDPLATE_HOST=0.0.0.0
# bedplate.toml is looked for here.
WORKDIR /etc/bedplate
VOLUME /var/lib/bedplate
EXPOSE 7780
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/bin/bedplate", "version", "--url", "http://127.0.0.1:7780"]
ENTRYPOINT ["/usr/bin/bedplate"]
CMD ["serve"]
