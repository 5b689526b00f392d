//! Keys and certificates: the world makes them.

use std::{any::Any, rc::Rc};

use crate::{
    error::Error,
    exec::Run,
    format::shown,
    function::Type::{Int, List, Object as Of, Text},
    outside::CertificateRequest,
    value::{Object, Value},
};

use super::{Result, Row, any, bytes, encode::from_base64, int, text};

const NAME: &str = "sprig.certificate";

pub(crate) const TABLE: &[Row] = &[
    ("genPrivateKey", &[Text], false, |run, args| {
        let algorithm = text(args, 0);
        Ok(match &*algorithm {
            "" | "rsa" => run.world.private_key("rsa"),
            "dsa" | "ecdsa" | "ed25519" => run.world.private_key(&algorithm),
            other => return Ok(format!("Unknown type {other}").into()),
        }
        .unwrap_or_else(|error| format!("failed to generate private key: {error}"))
        .into())
    }),
    ("genCA", &[Text, Int], false, |run, args| {
        authority(run, args, None)
    }),
    ("genCAWithKey", &[Text, Int, Text], false, |run, args| {
        authority(run, args, Some(text(args, 2).into_owned()))
    }),
    (
        "genSelfSignedCert",
        &[Text, List, List, Int],
        false,
        |run, args| made(run, request(args)?),
    ),
    (
        "genSelfSignedCertWithKey",
        &[Text, List, List, Int, Text],
        false,
        |run, args| {
            let key = Some(text(args, 4).into_owned());
            made(
                run,
                CertificateRequest {
                    key,
                    ..request(args)?
                },
            )
        },
    ),
    (
        "genSignedCert",
        &[Text, List, List, Int, Of(NAME)],
        false,
        |run, args| {
            made(
                run,
                CertificateRequest {
                    issuer: Some(issuer(args)?),
                    ..request(args)?
                },
            )
        },
    ),
    (
        "genSignedCertWithKey",
        &[Text, List, List, Int, Of(NAME), Text],
        false,
        |run, args| {
            let key = Some(text(args, 5).into_owned());
            made(
                run,
                CertificateRequest {
                    key,
                    issuer: Some(issuer(args)?),
                    ..request(args)?
                },
            )
        },
    ),
    // DIFFERENCE: the certificate and key of buildCustomCert are checked to be PEM, not to be well-formed inside.
    ("buildCustomCert", &[Text, Text], false, |_, args| {
        let decoded = |index: usize, what: &str| {
            let bytes = from_base64(bytes(args, index))
                .map_err(|_| Error::new(format!("unable to decode base64 {what}")))?;
            Ok::<_, Error>(String::from_utf8_lossy(&bytes).into_owned())
        };
        let (certificate, key) = (decoded(0, "certificate")?, decoded(1, "private key")?);
        if !certificate.contains("-----BEGIN ") {
            return Err(Error::new("unable to decode certificate"));
        }
        if !key.contains("-----BEGIN ") {
            return Err(Error::new("error parsing private key: no PEM data in input"));
        }
        Ok(Value::Object(Rc::new(Certificate { certificate, key })))
    }),
];

/// What sprig's functions hand out: `.Cert` and `.Key`.
struct Certificate {
    certificate: String,
    key: String,
}

impl Object for Certificate {
    fn type_name(&self) -> &'static str {
        NAME
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Cert" => Some(self.certificate.as_str().into()),
            "Key" => Some(self.key.as_str().into()),
            _ => None,
        }
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("Cert", self.certificate.as_str().into()),
            ("Key", self.key.as_str().into()),
        ]
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn made(run: &mut Run<'_>, request: CertificateRequest) -> Result {
    let (certificate, key) = run.world.certificate(&request).map_err(Error::new)?;
    Ok(Value::Object(Rc::new(Certificate { certificate, key })))
}

fn authority(run: &mut Run<'_>, args: &[Value], key: Option<String>) -> Result {
    made(
        run,
        CertificateRequest {
            common_name: text(args, 0).into_owned(),
            days: int(args, 1),
            authority: true,
            key,
            ..CertificateRequest::default()
        },
    )
}

fn request(args: &[Value]) -> std::result::Result<CertificateRequest, Error> {
    let addresses = texts(any(args, 1), |value| {
        format!("error parsing ip: {value} is not a string")
    })?;
    if let Some(bad) = addresses
        .iter()
        .find(|it| it.parse::<core::net::IpAddr>().is_err())
    {
        return Err(Error::new(format!("error parsing ip: {bad}")));
    }
    Ok(CertificateRequest {
        common_name: text(args, 0).into_owned(),
        addresses,
        names: texts(any(args, 2), |value| {
            format!("error processing alternate dns name: {value} is not a string")
        })?,
        days: int(args, 3),
        ..CertificateRequest::default()
    })
}

fn texts(value: &Value, complaint: impl Fn(&str) -> String) -> std::result::Result<Vec<String>, Error> {
    let items = value.elements().unwrap_or_default();
    items
        .iter()
        .map(|item| match item {
            Value::Text(text) => Ok(String::from_utf8_lossy(text).into_owned()),
            other => Err(Error::new(complaint(&shown(other)))),
        })
        .collect()
}

fn issuer(args: &[Value]) -> std::result::Result<(String, String), Error> {
    let issuer = match any(args, 4) {
        Value::Object(object) => object.as_any().downcast_ref::<Certificate>(),
        _ => None,
    };
    match issuer {
        Some(it) if it.certificate.contains("-----BEGIN ") => Ok((it.certificate.clone(), it.key.clone())),
        _ => Err(Error::new("unable to decode certificate")),
    }
}
