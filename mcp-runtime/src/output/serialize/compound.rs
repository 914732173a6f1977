//! Lists and objects in the making.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::key::Key;
use super::path::{Path, Segment};
use super::{Cleaner, Problem, State};
use crate::json::write;
use crate::output::secrets::is_aws_secret;

/// A name that was written, before its value.
#[derive(Clone, Copy)]
pub(super) struct Member {
    name: write::Name,
    /// It says that its value is the secret part of an AWS key.
    aws_secret: bool,
}

/// What a list or an object is a part of.
pub(super) struct Within<'a, 'b> {
    state: &'a mut State<'b>,
    path: &'a Path<'a>,
    /// Of its values.
    depth: u16,
    /// The object that it is the only member of, if it is a variant of an enum.
    variant: Option<(write::Object, write::Name)>,
}

impl<'a, 'b> Within<'a, 'b> {
    pub(super) fn new(state: &'a mut State<'b>, path: &'a Path<'a>, depth: u16) -> Self {
        Self { state, path, depth, variant: None }
    }

    /// Opens the object of a variant.
    pub(super) fn variant(&mut self, name: &str) -> Result<(), Problem> {
        let mut object = self.state.writer.open_object();
        let name = self.state.text(name, |writer, name| writer.name(&mut object, name))?;
        self.variant = Some((object, name));
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, segment: Segment, value: &T) -> Result<(), Problem> {
        let variant = self.variant.as_ref().map(|(_, name)| Path::Below(self.path, Segment::Name(*name)));
        let path = Path::Below(variant.as_ref().unwrap_or(self.path), segment);
        value.serialize(Cleaner { state: self.state, path: &path, depth: self.depth })
    }

    fn close(self) -> Result<(), Problem> {
        match &self.variant {
            Some((object, _)) => Ok(self.state.writer.close_object(object)?),
            None => Ok(()),
        }
    }
}

pub(super) struct List<'a, 'b> {
    within: Within<'a, 'b>,
    list: write::List,
}

impl<'a, 'b> List<'a, 'b> {
    pub(super) fn open(within: Within<'a, 'b>) -> Result<Self, Problem> {
        within.state.count(2)?;
        let list = within.state.writer.open_list();
        Ok(Self { within, list })
    }

    pub(super) fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        self.within.state.unfinished += 1;
        self.within.state.count(1)?;
        let index = self.within.state.writer.item(&mut self.list);
        self.within.value(Segment::Index(index), value)?;
        self.within.state.unfinished -= 1;
        Ok(())
    }

    pub(super) fn close(self) -> Result<(), Problem> {
        self.within.state.writer.close_list(&self.list)?;
        self.within.close()
    }
}

macro_rules! list {
    ($($trait:ident: $method:ident),*) => {$(
        impl $trait for List<'_, '_> {
            type Ok = ();
            type Error = Problem;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
                self.push(value)
            }
            fn end(self) -> Result<(), Problem> {
                self.close()
            }
        }
    )*};
}
list!(
    SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

pub(super) struct Object<'a, 'b> {
    within: Within<'a, 'b>,
    form: Form,
    /// The key whose value comes next.
    key: Option<Member>,
}

enum Form {
    Members(write::Object),
    /// No object at all, but JSON text that a value hands over as it is.
    Raw {
        is_written: bool,
    },
}

impl<'a, 'b> Object<'a, 'b> {
    pub(super) fn open(within: Within<'a, 'b>) -> Result<Self, Problem> {
        within.state.count(2)?;
        let form = Form::Members(within.state.writer.open_object());
        Ok(Self { within, form, key: None })
    }

    pub(super) fn raw(within: Within<'a, 'b>) -> Result<Self, Problem> {
        within.state.count(2)?;
        Ok(Self { within, form: Form::Raw { is_written: false }, key: None })
    }

    pub(super) fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Problem> {
        self.within.state.unfinished += 1;
        if let Form::Raw { is_written } = &mut self.form {
            if std::mem::replace(is_written, true) {
                return Err(Problem::Invalid("raw JSON with more than a text".to_owned()));
            }
            self.put_raw(value)?;
        } else {
            let member = self.name(key)?;
            self.value(member, value)?;
        }
        self.within.state.unfinished -= 1;
        Ok(())
    }

    /// Writes a name.
    pub(super) fn name(&mut self, name: &str) -> Result<Member, Problem> {
        let Form::Members(object) = &mut self.form else {
            return Err(Problem::Invalid("raw JSON with members".to_owned()));
        };
        // As it is read: what was hidden in it could make another name of it.
        let member = self.within.state.text(name, |writer, name| {
            Ok(Member { name: writer.name(object, name)?, aws_secret: is_aws_secret(name) })
        })?;
        self.within.state.count(2)?;
        Ok(member)
    }

    fn value<T: Serialize + ?Sized>(&mut self, member: Member, value: &T) -> Result<(), Problem> {
        let outer = std::mem::replace(&mut self.within.state.around.aws_secret, member.aws_secret);
        self.within.value(Segment::Name(member.name), value)?;
        self.within.state.around.aws_secret = outer;
        Ok(())
    }

    fn put_raw<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        let text =
            value.serialize(serde_json::value::Serializer).map_err(|error| Problem::Invalid(error.to_string()))?;
        let text = text.as_str().ok_or_else(|| Problem::Invalid("raw JSON is no text".to_owned()))?;
        let Within { state, path, depth, .. } = &mut self.within;
        // It is counted as it is taken apart.
        if text.len() as u64 > state.bounds.max_bytes {
            return Err(Problem::TooLarge);
        }
        Cleaner { state, path, depth: *depth }.raw(text)
    }

    pub(super) fn close(self) -> Result<(), Problem> {
        match &self.form {
            Form::Members(object) => self.within.state.writer.close_object(object)?,
            Form::Raw { is_written: true } => {}
            Form::Raw { is_written: false } => return Err(Problem::Invalid("raw JSON without a text".to_owned())),
        }
        self.within.close()
    }
}

impl SerializeMap for Object<'_, '_> {
    type Ok = ();
    type Error = Problem;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Problem> {
        // Until its value is there.
        self.within.state.unfinished += 1;
        let member = key.serialize(Key(self))?;
        match self.key.replace(member) {
            None => Ok(()),
            Some(_) => Err(Problem::Invalid("a key without a value".to_owned())),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        let member = self.key.take().ok_or_else(|| Problem::Invalid("a value without a key".to_owned()))?;
        self.value(member, value)?;
        self.within.state.unfinished -= 1;
        Ok(())
    }

    fn end(self) -> Result<(), Problem> {
        self.close()
    }
}

macro_rules! object {
    ($($trait:ident),*) => {$(
        impl $trait for Object<'_, '_> {
            type Ok = ();
            type Error = Problem;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Problem> {
                self.put(key, value)
            }
            fn end(self) -> Result<(), Problem> {
                self.close()
            }
        }
    )*};
}
object!(SerializeStruct, SerializeStructVariant);
