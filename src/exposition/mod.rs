//! Turns metric families into the bytes of one answer to a scrape, in the format and coding the client asked for.
//! Knows no collector by name, keeps nothing between scrapes but buffers, and never fails because of its input:
//! what would make a page invalid is left out and counted.

mod catalogue;
mod collector;
mod compression;
mod gather;
mod negotiation;
mod page;
mod snapshot;

pub use self::{
    catalogue::complaints,
    compression::{Coding, negotiate_coding},
    gather::{Gather, Gathering, Selection, SelectionError, Shared},
    negotiation::{Escaping, Format, Syntax, negotiate},
    page::Renderer,
    snapshot::{Omitted, Snapshot},
};
