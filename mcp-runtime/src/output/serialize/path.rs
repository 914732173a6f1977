//! Where a value stands, for the JSON pointers of untrusted ones.

use crate::json::write::{Name, Writer};

/// The way from the root to a value. It lies on the stack, and is written out only where a pointer is asked for.
pub(super) enum Path<'p> {
    Root,
    Below(&'p Self, Segment),
}

/// A step of it.
#[derive(Clone, Copy)]
pub(super) enum Segment {
    Index(usize),
    /// The name as it is sent.
    Name(Name),
}

impl Path<'_> {
    /// As a JSON pointer (RFC 6901, section 3) into what `writer` writes.
    pub(super) fn pointer(&self, writer: &Writer) -> String {
        let mut pointer = String::new();
        self.append(writer, &mut pointer);
        pointer
    }

    /// A path is as long as a value is deep, and that is bounded.
    fn append(&self, writer: &Writer, pointer: &mut String) {
        let Self::Below(outer, segment) = self else { return };
        outer.append(writer, pointer);
        pointer.push('/');
        match segment {
            Segment::Index(index) => pointer.push_str(itoa::Buffer::new().format(*index)),
            Segment::Name(name) => {
                for c in writer.name_at(*name).chars() {
                    match c {
                        '~' => pointer.push_str("~0"),
                        '/' => pointer.push_str("~1"),
                        c => pointer.push(c),
                    }
                }
            }
        }
    }
}
