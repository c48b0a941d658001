//! What a request claims: the parts of its signature, from `Authorization` or from the query of a presigned URL. Nothing is verified here.

use bedplate_base::Timestamp;
use bedplate_sigv4::canonical::pairs;
use bedplate_sigv4::{ALGORITHM, read_hex};
use http::{HeaderMap, header};

use super::scope::{ACCESS_KEY_MAX, Scope, is_date, is_name};
use super::time::Signed;
use super::{Denied, Head};
use crate::limits::HEADERS_MAX;

/// Characters of an algorithm that is repeated in an error; the longest of AWS's has 26.
const ALGORITHM_MAX: usize = 32;
/// How a scope ends.
const TERMINATOR: &str = "aws4_request";
/// Characters of a session token. AWS names no limit; STS's are below 2,000.
const TOKEN_MAX: usize = 8 << 10;

/// A signature and what it says about itself.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) scope: Scope,
    /// The day of the scope.
    pub(super) date: String,
    pub(super) region: String,
    pub(super) signed: Signed,
    /// `X-Amz-Expires`; only presigned URLs have it.
    pub(super) expires: Option<String>,
    /// Names in the client's order.
    pub(super) headers: Vec<String>,
    pub(super) signature: [u8; 32],
    pub(super) token: Option<String>,
    /// `x-amz-content-sha256`
    pub(super) payload: Option<String>,
}

impl Claim {
    /// The claim of a request.
    pub(super) fn of(head: &Head<'_>) -> Result<Self, Denied> {
        let mut authorizations = head.headers.get_all(header::AUTHORIZATION).iter();
        match (authorizations.next(), authorizations.next()) {
            (Some(_), Some(_)) => Err(Denied::incomplete("The request has more than one Authorization header; send one.")),
            (Some(value), None) => {
                let value = value
                    .to_str()
                    .map_err(|_| Denied::incomplete("The Authorization header holds letters beyond ASCII."))?;
                Self::of_authorization(value, head)
            }
            (None, _) => Self::of_query(head),
        }
    }

    /// Whether it is of now.
    pub(super) fn is_now(&self, now: Timestamp) -> Result<(), Denied> {
        self.signed.fits(&self.date)?;
        match &self.expires {
            None => self.signed.is_now(now),
            Some(expires) => self.signed.lives(expires, now),
        }
    }

    /// Whether the signature is in the query.
    pub(super) fn is_presigned(&self) -> bool {
        self.expires.is_some()
    }

    fn of_authorization(value: &str, head: &Head<'_>) -> Result<Self, Denied> {
        let (algorithm, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
        check_algorithm(algorithm)?;
        let mut found: [Option<&str>; 3] = [None; 3];
        const NAMES: [&str; 3] = ["Credential", "SignedHeaders", "Signature"];
        for part in rest.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                return Err(Denied::incomplete(
                    "Invalid key=value pair (missing equal-sign) in Authorization header.",
                ));
            };
            let place = NAMES.iter().position(|known| *known == name.trim());
            let slot = place.map(|place| &mut found[place]);
            if let Some(slot) = slot
                && slot.replace(value.trim()).is_some()
            {
                let message = format!("Authorization header holds '{}' more than once.", name.trim());
                return Err(Denied::incomplete(message));
            }
        }
        let missing: Vec<String> = (NAMES.iter().zip(&found))
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| format!("Authorization header requires '{name}' parameter."))
            .collect();
        let [Some(credential), Some(headers), Some(signature)] = found else {
            return Err(Denied::incomplete(missing.join(" ")));
        };
        let signed = Signed::of_headers(head)?;
        let text = |name: &str| one(head.headers, name);
        Self::new(
            Parts {
                credential,
                headers,
                signature,
                token: text("x-amz-security-token")?,
                payload: text("x-amz-content-sha256")?,
            },
            signed,
            None,
        )
    }

    fn of_query(head: &Head<'_>) -> Result<Self, Denied> {
        let pairs = pairs(head.uri.query().unwrap_or_default());
        let value = |name: &str| -> Result<Option<String>, Denied> {
            let mut values = pairs.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
            match (values.next(), values.next()) {
                (None, _) => Ok(None),
                (Some(_), Some(_)) => Err(Denied::incomplete(format!("The query holds {name} more than once."))),
                (Some((_, value)), None) => match std::str::from_utf8(value) {
                    Ok(text) => Ok(Some(text.to_owned())),
                    Err(_) => Err(Denied::incomplete(format!("{name} in the query is not UTF-8."))),
                },
            }
        };
        let (algorithm, signature) = (value("X-Amz-Algorithm")?, value("X-Amz-Signature")?);
        if algorithm.is_none() && signature.is_none() {
            return Err(Denied::missing());
        }
        let needed = |name: &str| -> Result<String, Denied> {
            value(name)?.ok_or_else(|| Denied::incomplete(format!("AWS query-string parameters must include '{name}'.")))
        };
        check_algorithm(&needed("X-Amz-Algorithm")?)?;
        let (credential, headers, signature) = (
            needed("X-Amz-Credential")?,
            needed("X-Amz-SignedHeaders")?,
            needed("X-Amz-Signature")?,
        );
        let signed = Signed::of_basic(&needed("X-Amz-Date")?, "X-Amz-Date")?;
        let expires = needed("X-Amz-Expires")?;
        let payload = match one(head.headers, "x-amz-content-sha256")? {
            Some(hash) => Some(hash),
            None => value("X-Amz-Content-Sha256")?,
        };
        let parts = Parts {
            credential: &credential,
            headers: &headers,
            signature: &signature,
            token: value("X-Amz-Security-Token")?,
            payload,
        };
        Self::new(parts, signed, Some(expires))
    }

    fn new(parts: Parts<'_>, signed: Signed, expires: Option<String>) -> Result<Self, Denied> {
        let (scope, date, region) = read_credential(parts.credential)?;
        if parts.token.as_ref().is_some_and(|token| token.len() > TOKEN_MAX) {
            return Err(Denied::unknown_key());
        }
        let headers: Vec<String> = parts.headers.split(';').map(str::to_ascii_lowercase).collect();
        if headers.len() > HEADERS_MAX {
            return Err(Denied::incomplete(format!("SignedHeaders names more than {HEADERS_MAX} headers.")));
        }
        // What is not hexadecimal cannot be any signature.
        let signature = read_hex(parts.signature).ok_or_else(Denied::mismatch)?;
        Ok(Self {
            scope,
            date,
            region,
            signed,
            expires,
            headers,
            signature,
            token: parts.token,
            payload: parts.payload,
        })
    }
}

/// The texts of a claim.
struct Parts<'a> {
    credential: &'a str,
    headers: &'a str,
    signature: &'a str,
    token: Option<String>,
    payload: Option<String>,
}

/// SigV4A would need public keys, which the configuration does not have.
fn check_algorithm(algorithm: &str) -> Result<(), Denied> {
    if algorithm == ALGORITHM {
        return Ok(());
    }
    // Whoever sends a bare key has it where the algorithm should stand: only what is no secret is repeated.
    let plain = algorithm.len() <= ALGORITHM_MAX && algorithm.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let known = algorithm.starts_with("AWS")
        || ["Basic", "Bearer", "Digest"]
            .iter()
            .any(|known| algorithm.eq_ignore_ascii_case(known));
    let shown = if plain && known { algorithm } else { "(unreadable)" };
    Err(Denied::incomplete(format!(
        "Unsupported AWS 'algorithm': '{shown}'. This server verifies '{ALGORITHM}'."
    )))
}

/// `AKID/20261121/us-east-1/bedrock/aws4_request`
fn read_credential(text: &str) -> Result<(Scope, String, String), Denied> {
    let parts: Vec<&str> = text.split('/').collect();
    let [access_key, date, region, service, terminator] = parts.as_slice() else {
        return Err(Denied::incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
        ));
    };
    if access_key.is_empty() || access_key.len() > ACCESS_KEY_MAX || !access_key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Denied::unknown_key());
    }
    if *terminator != TERMINATOR {
        return Err(Denied::invalid(format!(
            "Credential should be scoped with a valid terminator: '{TERMINATOR}'."
        )));
    }
    if !is_date(date) {
        return Err(Denied::incomplete("The date in Credential must have the form YYYYMMDD."));
    }
    if !is_name(region) {
        return Err(Denied::invalid("Credential should be scoped to a valid region."));
    }
    if !is_name(service) {
        return Err(Denied::invalid("Credential should be scoped to a valid service."));
    }
    let scope = Scope {
        access_key: (*access_key).to_owned(),
        region: Some((*region).to_owned()),
        service: (*service).to_owned(),
    };
    Ok((scope, (*date).to_owned(), (*region).to_owned()))
}

/// The one value of a header that may stand there once.
fn one(headers: &HeaderMap, name: &str) -> Result<Option<String>, Denied> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Denied::incomplete(format!(
            "The request has more than one {name} header; send one."
        ))),
        (Some(value), None) => match value.to_str() {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(_) => Err(Denied::incomplete(format!("The header {name} holds letters beyond ASCII."))),
        },
    }
}
