//! AWS's signature, version 4.

use jiff::Timestamp;
use ring::hmac::{HMAC_SHA256, Key, sign};
use stdx::{hex, sha256_hex};

/// What is signed.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    /// The path, encoded.
    pub(crate) path: &'a str,
    /// The query, encoded and sorted.
    pub(crate) query: &'a str,
    pub(crate) region: &'a str,
    pub(crate) time: Timestamp,
    /// The token of temporary keys.
    pub(crate) token: Option<&'a str>,
}

/// The digest of no content.
pub(crate) const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

/// The time as it stands in headers: `20260101T000000Z`.
pub(crate) fn stamp(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

impl Signed<'_> {
    /// The value of the `Authorization` header.
    pub(crate) fn authorization(&self, access: &str, secret: &str) -> String {
        let stamp = stamp(self.time);
        let day = stamp.get(..8).unwrap_or_default();
        let mut headers = vec![
            ("host", self.host.to_owned()),
            ("x-amz-content-sha256", EMPTY.to_owned()),
            ("x-amz-date", stamp.clone()),
        ];
        if let Some(token) = self.token {
            headers.push(("x-amz-security-token", token.to_owned()));
        }
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let request = format!(
            "{}\n{}\n{}\n{lines}\n{names}\n{EMPTY}",
            self.method, self.path, self.query
        );
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let text = format!(
            "AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}",
            sha256_hex(request.as_bytes())
        );
        let key = mac(format!("AWS4{secret}").as_bytes(), day);
        let key = mac(&mac(&mac(&key, self.region), "s3"), "aws4_request");
        let signature = hex(&mac(&key, &text));
        format!("AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, Signature={signature}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SOURCE: AWS's documentation of Signature Version 4 for S3, example `GET Bucket (List Objects)`.
    #[test]
    fn the_documented_example_is_signed_alike() {
        let signed = Signed {
            method: "GET",
            host: "examplebucket.s3.amazonaws.com",
            path: "/",
            query: "max-keys=2&prefix=J",
            region: "us-east-1",
            time: "2013-05-24T00:00:00Z".parse().unwrap(),
            token: None,
        };
        let authorization =
            signed.authorization("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        assert!(
            authorization
                .ends_with("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
            "{authorization}"
        );
    }
}
