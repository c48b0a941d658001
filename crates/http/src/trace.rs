//! Where in somebody's trace a request belongs: the W3C header, or X-Ray's in the same words.

use http::HeaderMap;

/// Bytes of a `traceparent`; version 00 has 55, later ones may have more.
const BYTES_MAX: usize = 256;

/// The `traceparent` of a request. SDKs inside Lambda functions send X-Ray's header only, so that one is translated.
pub(crate) fn parent(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name)?.to_str().ok().filter(|text| text.len() <= BYTES_MAX);
    match text("traceparent") {
        Some(parent) => Some(parent.to_owned()),
        None => text("x-amzn-trace-id").and_then(translate),
    }
}

/// `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1` (X-Ray developer guide, "Tracing header").
fn translate(header: &str) -> Option<String> {
    let field = |name: &str| {
        let mut fields = header.split(';').filter_map(|field| field.trim().split_once('='));
        fields.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let mut root = field("Root")?.split('-');
    let (version, time, rest) = (root.next()?, root.next()?, root.next()?);
    let parent = field("Parent")?;
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if version != "1" || !digits(time, 8) || !digits(rest, 24) || !digits(parent, 16) {
        return None;
    }
    let sampled = u8::from(field("Sampled") == Some("1"));
    Some(format!("00-{time}{rest}-{parent}-{sampled:02}").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_rays_header_is_translated() {
        let w3c = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-0";
        for (header, expected) in [
            (
                "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
                Some(format!("{w3c}1")),
            ),
            (
                "Parent=53995C3F42CD8AD8; Root=1-5759e988-bd862e3fe1be46a994272793",
                Some(format!("{w3c}0")),
            ),
            ("Root=1-5759e988-bd862e3fe1be46a994272793", None),
            ("Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8", None),
            ("Root=1-5759e98-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8", None),
            ("nothing", None),
        ] {
            assert_eq!(translate(header), expected, "{header}");
        }
    }
}
