//! How the answers of a page's port travel: compressed where the browser takes that, and kept by it where they never change.

use std::{
    io::Write as _,
    sync::{Arc, LazyLock},
};

use flate2::{Compression, write::GzEncoder};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Response,
    body::Bytes,
    header::{self, HeaderName, HeaderValue},
};
use web::Asset;

/// Bytes below which nothing is won.
const LEAST: usize = 1_024;
/// For a year, and without asking whether it has changed: another content has another address.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// An asset as it is sent, in both forms.
struct Packed {
    path: String,
    asset: Asset,
    compressed: Bytes,
}

static ASSETS: LazyLock<Arc<[Packed]>> = LazyLock::new(|| {
    let packed = web::ASSETS.iter().map(|asset| Packed {
        path: asset.path(),
        asset: *asset,
        compressed: compressed(asset.text.as_bytes(), Compression::best()),
    });
    packed.collect()
});

/// The asset at this address.
pub(super) fn asset(path: &str, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    let packed = ASSETS.iter().find(|packed| packed.path == path)?;
    let takes = takes_gzip(headers);
    let body = if takes { packed.compressed.clone() } else { Bytes::from_static(packed.asset.text.as_bytes()) };
    let mut answer = Response::new(Full::new(body));
    set(&mut answer, header::CONTENT_TYPE, packed.asset.kind);
    set(&mut answer, header::CACHE_CONTROL, FOR_EVER);
    mark(&mut answer, takes);
    Some(answer)
}

/// A page, compressed if it is worth it. What holds a secret together with what the asker has sent must not come here: from
/// the length of both together one could be told from the other.
pub(super) async fn page(answer: Response<Full<Bytes>>, headers: &HeaderMap) -> Response<Full<Bytes>> {
    let (head, body) = answer.into_parts();
    // The body is at hand, and reading it can't fail.
    let body = body.collect().await.unwrap_or_default().to_bytes();
    let takes = takes_gzip(headers) && body.len() >= LEAST;
    let body = if takes { compressed(&body, Compression::fast()) } else { body };
    let mut answer = Response::from_parts(head, Full::new(body));
    mark(&mut answer, takes);
    answer
}

fn mark(answer: &mut Response<Full<Bytes>>, is_compressed: bool) {
    set(answer, header::VARY, "accept-encoding");
    if is_compressed {
        set(answer, header::CONTENT_ENCODING, "gzip");
    }
}

fn set(answer: &mut Response<Full<Bytes>>, name: HeaderName, value: &'static str) {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
}

/// Whether gzip is among what the asker takes, with a weight that is not zero. Source: RFC 9110, section 12.5.3.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0))
        });
        named && !refused
    })
}

fn compressed(bytes: &[u8], level: Compression) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    // Writing to memory does not fail.
    let written = encoder.write_all(bytes);
    match (written, encoder.finish()) {
        (Ok(()), Ok(packed)) => packed.into(),
        _ => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_where_it_is_named_and_not_refused() {
        for (value, takes) in [
            ("gzip", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("deflate, gzip, br", true),
            ("gzip;q=0", false),
            ("gzip;q=0.0, br", false),
            ("br", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            assert_eq!(takes_gzip(&headers), takes, "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
