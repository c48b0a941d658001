//! Refusals as S3 writes them: code, message, resource and request id ("Error responses" of its API reference).
//!
//! s3s writes what it is given, and gives itself no message for some of its own refusals: clients then show an empty one.

use http::header;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use s3s::HttpResponse;

/// Bytes of a refusal that is looked at. Ours: ours are far shorter, and keys have 1,024.
const BYTES_MAX: u64 = 64 * 1024;

/// The answer, and if it is a refusal, then with all that belongs to one.
pub(crate) async fn whole(response: HttpResponse, resource: &str, request_id: &str) -> HttpResponse {
    let refused = response.status().is_client_error() || response.status().is_server_error();
    if !refused
        || !response
            .body()
            .size_hint()
            .exact()
            .is_some_and(|size| (1..=BYTES_MAX).contains(&size))
    {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = match body.collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(_) => String::new(),
    };
    let text = complete(text, resource, request_id);
    parts.headers.remove(header::CONTENT_LENGTH);
    HttpResponse::from_parts(parts, s3s::Body::from(text))
}

fn complete(mut text: String, resource: &str, request_id: &str) -> String {
    const CODE_END: &str = "</Code>";
    let Some((code, end)) = text.split_once("<Code>").and_then(|(before, rest)| {
        let (code, _) = rest.split_once(CODE_END)?;
        Some((code.to_owned(), before.len() + "<Code>".len() + code.len() + CODE_END.len()))
    }) else {
        return text;
    };
    if !text.contains("<Message>") {
        text.insert_str(end, &format!("<Message>{}</Message>", message(&code)));
    }
    if let (false, Some(end)) = (text.contains("<RequestId>"), text.rfind("</Error>")) {
        let more = format!(
            "<Resource>{}</Resource><RequestId>{}</RequestId>",
            escaped(resource),
            escaped(request_id)
        );
        text.insert_str(end, &more);
    }
    text
}

/// What S3 says with the codes for which s3s has no words.
fn message(code: &str) -> &'static str {
    match code {
        "IncompleteBody" => "You did not provide the number of bytes specified by the Content-Length HTTP header",
        "InternalError" => "We encountered an internal error. Please try again.",
        "InvalidBucketName" => {
            "The specified bucket is not valid: a name has 3 to 63 small letters, digits, hyphens and dots, with a letter or digit at both ends."
        }
        "InvalidRange" => "The requested range is not satisfiable",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "KeyTooLongError" => "Your key is too long: it has 1,024 bytes at most.",
        "MalformedXML" => "The XML you provided was not well-formed or did not validate against our published schema",
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "MissingRequestBodyError" => "Request body is empty: this operation needs a document.",
        "NotImplemented" => "A header or parameter you provided asks for something that is not implemented.",
        _ => "The request cannot be fulfilled; the code says why.",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
