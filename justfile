# The index of what developers do; the logic is in `cargo xtask`, which needs no just.

# list
default:
    @just --list --unsorted

# types of the workspace, or of the packages named: `just check bedplate-wire`
check *PACKAGES:
    cargo xtask check {{PACKAGES}}

# everything that has to hold
test:
    cargo xtask test

# format, and mend what clippy can
fix:
    cargo xtask fix

# the wire crates again, from service-models/
codegen:
    cargo xtask codegen

# layers, sizes, words, links, dependencies, generated code
tidy:
    cargo xtask tidy

# the simulator with one seed: `just sim 42`
sim SEED:
    cargo xtask sim {{SEED}}

# the Python clients against the release binary
e2e *ARGS:
    cargo xtask e2e {{ARGS}}

# a server to play with
run *ARGS:
    cargo run -- dev {{ARGS}}

# what .ci/run runs
ci:
    cargo xtask ci
