//! What all pages have around them, and the pages that show nothing but words.

use maud::{DOCTYPE, Markup, html};

use crate::{
    asset::{STYLE, ZONE},
    link,
};

/// Nothing is loaded but the stylesheet and the script of our own, nothing else runs, forms stay here, and no other page
/// shows these inside itself.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; \
                                           base-uri 'none'; frame-ancestors 'none'";

/// Who looks at a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer<'a> {
    /// The server is open: no login is asked for. `server` says where workers and clients go.
    Open { server: &'a str },
    /// A user who has logged in, by name.
    User(&'a str),
    /// A reader who has not logged in.
    Anonymous,
}

/// A whole page.
pub(crate) fn page(viewer: Viewer<'_>, title: &str, body: &Markup) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Perdure" }
                link rel="stylesheet" href=(STYLE.path());
                script src=(ZONE.path()) defer {}
            }
            body {
                header {
                    a href=(link::namespaces()) { "Perdure" }
                    (who(viewer))
                }
                main {
                    h1 { (title) }
                    (body)
                }
                footer {
                    "These pages only show; the full Web UI is still to come. Times are in " span id="zone" { "UTC" } "."
                }
            }
        }
    };
    markup.into_string()
}

fn who(viewer: Viewer<'_>) -> Markup {
    html! {
        @match viewer {
            Viewer::Open { server } => span { "gRPC on " code { (server) } },
            Viewer::User(name) => form method="post" action="/logout" {
                span { (name) " " }
                button { "Log out" }
            },
            Viewer::Anonymous => {},
        }
    }
}

/// Where those are led who are not known.
pub fn login() -> String {
    let body = html! {
        p { "Open your login link: the one that " code { "perdure cloud init" } " has printed, or a later one." }
        (ways_to_a_link())
        p { "Programs and command lines use API keys or certificates and need no login." }
    };
    page(Viewer::Anonymous, "Log in", &body)
}

/// What there is instead of a login; `complaint` says why.
pub fn login_failed(complaint: &str) -> String {
    page(Viewer::Anonymous, "Log in", &html! { p role="alert" { strong { (complaint) } } })
}

/// Behind a login link that logs nobody in (any more).
pub fn dead_link() -> String {
    let body = html! {
        p role="alert" { strong { "This login link has been used, has expired, or is not complete." } }
        p {
            "A link logs in once, and only until there is a newer one for the same user. If this browser used it before, "
            a href=(link::namespaces()) { "go on where you are logged in" } "."
        }
        (ways_to_a_link())
    };
    page(Viewer::Anonymous, "Log in", &body)
}

/// How to come by a login link: by oneself, by others, and for an owner who has nothing left.
fn ways_to_a_link() -> Markup {
    html! {
        p { "For a new link, whichever fits:" }
        ul {
            li { "With your API key: " code { "perdure cloud user login-link --email YOUR-ADDRESS" } }
            li { "Without one: ask an owner or administrator of the account to run that for you." }
            li {
                "An owner who has lost the key, too: on the server's machine, with the server stopped, "
                code { "perdure cloud recover --config perdure.toml" }
            }
        }
    }
}

/// The page behind a login link: a button, since opening a link does not say that its reader wants to log in. `check` comes
/// back with the code.
pub fn login_form(code: &str, check: &str) -> String {
    let body = html! {
        form method="post" action="/login" {
            input type="hidden" name="code" value=(code);
            input type="hidden" name="check" value=(check);
            button { "Log in" }
        }
        p { "The link works once, when this button is pressed." }
    };
    page(Viewer::Anonymous, "Log in", &body)
}

/// A page of the reference's own Web UI that there is none of here yet: what it would show, where its like is seen, and
/// the way back.
pub fn not_yet(viewer: Viewer<'_>, what: &str, instead: Option<&str>, back: &str) -> String {
    let body = html! {
        p { "These pages do not show " (what) " yet." }
        @if let Some(command) = instead {
            p { "On the command line: " code { (command) } }
        }
        p { a href=(back) { "Go on" } }
    };
    page(viewer, "Not here yet", &body)
}

/// What there is instead of a page that was asked for.
pub fn problem(viewer: Viewer<'_>, title: &str, message: &str) -> String {
    page(viewer, title, &html! { p role="alert" { (message) } })
}

/// Where a page goes on, if it does.
pub(crate) fn next(href: Option<&str>) -> Markup {
    html! {
        @if let Some(href) = href {
            p { a rel="next" href=(href) { "Next page" } }
        }
    }
}
