//! What a certificate says about its owner.
//!
//! Only subject and alternative names are read, of certificates that TLS has already checked; whether a certificate
//! is valid is for `rustls` to say.

mod der;

use std::fmt::Write;
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use der::{Reader, Tag};

/// A certificate of the other end.
///
/// ```no_run
/// # fn show(certificate: &conduit::Certificate) {
/// println!("{} {:?}", certificate.subject(), certificate.common_name());
/// println!("{}", certificate.fingerprint_hex());
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    subject: String,
    common_name: Option<String>,
    names: Vec<SubjectName>,
    fingerprint: [u8; 32],
}

/// A name by which a certificate knows its owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SubjectName {
    /// The name of a host.
    Dns(String),
    /// An address of a host.
    Ip(IpAddr),
    /// An address for mail.
    Email(String),
    /// A URI, such as a SPIFFE id.
    Uri(String),
}

/// The most names that are read of one certificate.
const NAMES_MAX: usize = 1024;

impl Certificate {
    /// Reads a certificate's DER encoding (RFC 5280). Cost: linear.
    ///
    /// # Errors
    /// What is wrong, if it is no certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, String> {
        let (names, extensions) =
            read(der).ok_or("the certificate is not encoded as RFC 5280 says")?;
        let attributes = attributes(names).ok_or("the certificate's subject is malformed")?;
        let names = alternative_names(extensions);
        Ok(Self {
            subject: print(&attributes),
            common_name: common_name(&attributes),
            names: names.ok_or("the certificate's alternative names are malformed")?,
            fingerprint: Sha256::digest(der).into(),
        })
    }

    /// Returns the subject as RFC 4514 writes it, but in the certificate's order: `O=Example,CN=alice`. What has a meaning
    /// there is escaped, so that no name can look like two.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns the subject's common name, if it has exactly one.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// Returns the alternative names.
    pub fn names(&self) -> &[SubjectName] {
        &self.names
    }

    /// Returns the SHA-256 of the certificate.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Returns the SHA-256 of the certificate in hexadecimal digits.
    pub fn fingerprint_hex(&self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.fingerprint {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// Finds the subject and the extensions.
fn read(der: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let mut outer = Reader::new(der);
    let mut certificate = Reader::new(outer.read(Tag::SEQUENCE)?);
    let mut body = Reader::new(certificate.read(Tag::SEQUENCE)?);
    if !outer.is_at_end() {
        return None;
    }
    body.read_if(Tag::context_constructed(0))?; // version
    body.read(Tag::INTEGER)?; // serial number
    body.read(Tag::SEQUENCE)?; // signature
    body.read(Tag::SEQUENCE)?; // issuer
    body.read(Tag::SEQUENCE)?; // validity
    let subject = body.read(Tag::SEQUENCE)?;
    body.read(Tag::SEQUENCE)?; // public key
    body.read_if(Tag::context(1))?; // issuer's unique id
    body.read_if(Tag::context(2))?; // subject's unique id
    let extensions = body.read_if(Tag::context_constructed(3))?;
    body.is_at_end().then_some((subject, extensions))
}

/// An attribute of a subject: its type's encoding, and its value.
struct Attribute<'a> {
    kind: &'a [u8],
    value: String,
}

fn attributes(subject: &[u8]) -> Option<Vec<Attribute<'_>>> {
    let mut attributes = Vec::new();
    let mut sets = Reader::new(subject);
    while !sets.is_at_end() {
        let mut set = Reader::new(sets.read(Tag::SET)?);
        while !set.is_at_end() {
            let mut pair = Reader::new(set.read(Tag::SEQUENCE)?);
            let kind = pair.read(Tag::OBJECT_IDENTIFIER)?;
            let (tag, value) = pair.read_any()?;
            let value = der::text(tag, value)?;
            attributes.push(Attribute { kind, value });
            if !pair.is_at_end() || attributes.len() > NAMES_MAX {
                return None;
            }
        }
    }
    Some(attributes)
}

fn common_name(attributes: &[Attribute<'_>]) -> Option<String> {
    let mut names = attributes.iter().filter(|one| one.kind == COMMON_NAME);
    match (names.next(), names.next()) {
        (Some(name), None) => Some(name.value.clone()),
        _ => None,
    }
}

fn print(attributes: &[Attribute<'_>]) -> String {
    let mut text = String::new();
    for attribute in attributes {
        if !text.is_empty() {
            text.push(',');
        }
        let known = KINDS.iter().find(|(kind, _)| *kind == attribute.kind);
        match known {
            Some((_, name)) => text.push_str(name),
            None => text.push_str(&der::dotted(attribute.kind)),
        }
        text.push('=');
        for c in attribute.value.chars() {
            if ",+\"\\<>;=#".contains(c) {
                text.push('\\');
            }
            if c.is_control() {
                let _ = write!(text, "\\{:02X}", u32::from(c));
            } else {
                text.push(c);
            }
        }
    }
    text
}

fn alternative_names(extensions: Option<&[u8]>) -> Option<Vec<SubjectName>> {
    let Some(extensions) = extensions else {
        return Some(Vec::new());
    };
    let mut extensions = Reader::new(Reader::new(extensions).read(Tag::SEQUENCE)?);
    while !extensions.is_at_end() {
        let mut extension = Reader::new(extensions.read(Tag::SEQUENCE)?);
        let kind = extension.read(Tag::OBJECT_IDENTIFIER)?;
        extension.read_if(Tag::BOOLEAN)?; // critical
        let value = extension.read(Tag::OCTET_STRING)?;
        if kind == ALTERNATIVE_NAMES {
            return general_names(Reader::new(value).read(Tag::SEQUENCE)?);
        }
    }
    Some(Vec::new())
}

fn general_names(names: &[u8]) -> Option<Vec<SubjectName>> {
    let mut reader = Reader::new(names);
    let mut names = Vec::new();
    while !reader.is_at_end() {
        let (tag, value) = reader.read_any()?;
        names.extend(match tag {
            tag if tag == Tag::context(1) => Some(SubjectName::Email(der::ascii(value)?)),
            tag if tag == Tag::context(2) => Some(SubjectName::Dns(der::ascii(value)?)),
            tag if tag == Tag::context(6) => Some(SubjectName::Uri(der::ascii(value)?)),
            tag if tag == Tag::context(7) => Some(SubjectName::Ip(ip(value)?)),
            _ => None,
        });
        if names.len() > NAMES_MAX {
            return None;
        }
    }
    Some(names)
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// The types of attributes that have a short name (RFC 4514, section 3; the address for mail is of PKCS 9).
const KINDS: [(&[u8], &str); 9] = [
    (COMMON_NAME, "CN"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 9], "STREET"),
    (
        &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25],
        "DC",
    ),
    (
        &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1],
        "UID",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes a value of at most 127 bytes, or of at most 65,535.
    fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let bytes = parts.concat();
        let length = match u8::try_from(bytes.len()) {
            Ok(short) if short < 0x80 => vec![short],
            _ => {
                let [high, low] = u16::try_from(bytes.len()).unwrap().to_be_bytes();
                if high == 0 {
                    vec![0x81, low]
                } else {
                    vec![0x82, high, low]
                }
            }
        };
        [vec![tag], length, bytes].concat()
    }

    fn attribute(kind: &[u8], tag: u8, text: &[u8]) -> Vec<u8> {
        let pair = value(0x30, &[&value(0x06, &[kind]), &value(tag, &[text])]);
        value(0x31, &[&pair])
    }

    /// Encodes a certificate with this subject and these alternative names.
    fn certificate(subject: &[Vec<u8>], names: &[Vec<u8>]) -> Vec<u8> {
        let empty = value(0x30, &[]);
        let names = value(
            0x30,
            &[
                &value(0x06, &[ALTERNATIVE_NAMES]),
                &value(0x04, &[&value(0x30, &[&names.concat()])]),
            ],
        );
        let extensions = value(0xa3, &[&value(0x30, &[&names])]);
        let subject = value(0x30, &[&subject.concat()]);
        let body = value(
            0x30,
            &[
                &value(0x02, &[b"\x01"]),
                &empty,
                &empty,
                &empty,
                &subject,
                &empty,
                &extensions,
            ],
        );
        value(0x30, &[&body, &empty, &value(0x03, &[b"\0"])])
    }

    fn read(subject: &[Vec<u8>], names: &[Vec<u8>]) -> Result<Certificate, String> {
        Certificate::from_der(&certificate(subject, names))
    }

    #[test]
    fn no_name_looks_like_two_or_hides_behind_control_characters() {
        let read = read(&[attribute(COMMON_NAME, 0x0c, b"a,CN=root\n\0+\\")], &[]).unwrap();
        assert_eq!(read.subject(), "CN=a\\,CN\\=root\\0A\\00\\+\\\\");
        assert_eq!(read.common_name(), Some("a,CN=root\n\0+\\"));
    }

    #[test]
    fn two_common_names_are_none() {
        let twice = [
            attribute(COMMON_NAME, 0x13, b"a"),
            attribute(COMMON_NAME, 0x13, b"b"),
        ];
        let read = read(&twice, &[]).unwrap();
        assert_eq!((read.subject(), read.common_name()), ("CN=a,CN=b", None));
    }

    #[test]
    fn all_kinds_of_text_are_read_and_unknown_attributes_are_told_by_number() {
        let subject = [
            attribute(COMMON_NAME, 0x1e, b"\0a\x20\xac"),
            attribute(&[0x55, 4, 10], 0x1c, b"\0\x01\xf3\x33"),
            attribute(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], 0x16, b"a@b"),
            attribute(&[0x55, 4, 7], 0x14, b"\xe9"),
        ];
        let known = read(&subject, &[]).unwrap();
        assert_eq!(known.subject(), "CN=a€,O=🌳,1.2.840.113549.1.9.1=a@b,L=é");
        for (tag, text) in [
            (0x0c, b"\xff".as_slice()),
            (0x13, b"\xe9"),
            (0x1e, b"a"),
            (0x1c, b"abc"),
            (0x04, b"a"),
        ] {
            let problem = read(&[attribute(COMMON_NAME, tag, text)], &[]).unwrap_err();
            assert!(problem.contains("subject is malformed"), "{problem}");
        }
    }

    #[test]
    fn alternative_names_are_read_and_malformed_ones_refused() {
        let names = [
            value(0x82, &[b"a.example"]),
            value(0x87, &[&[1, 2, 3, 4]]),
            value(0x88, &[b"registered ids are skipped"]),
            value(0x86, &[b"spiffe://a"]),
        ];
        let read_names = read(&[], &names).unwrap();
        let (dns, uri) = (
            SubjectName::Dns("a.example".into()),
            SubjectName::Uri("spiffe://a".into()),
        );
        assert_eq!(
            read_names.names(),
            [dns, SubjectName::Ip([1, 2, 3, 4].into()), uri]
        );
        for bad in [
            value(0x82, &[b"\xff"]),
            value(0x87, &[&[1, 2, 3]]),
            vec![0x82, 9, 1],
        ] {
            let problem = read(&[], &[bad]).unwrap_err();
            assert!(
                problem.contains("alternative names are malformed"),
                "{problem}"
            );
        }
    }

    #[test]
    fn every_cut_and_every_longer_encoding_is_refused() {
        let whole = certificate(&[attribute(COMMON_NAME, 0x0c, b"a")], &[]);
        assert!(Certificate::from_der(&whole).is_ok());
        for cut in 0..whole.len() {
            assert!(Certificate::from_der(&whole[..cut]).is_err(), "{cut}");
        }
        assert!(Certificate::from_der(&[whole.as_slice(), b"\0"].concat()).is_err());
        // A length in two bytes where one is enough.
        let inner = &whole[2..];
        let padded = [&[0x30, 0x81, u8::try_from(inner.len()).unwrap()], inner].concat();
        assert!(Certificate::from_der(&padded).is_err());
    }
}
