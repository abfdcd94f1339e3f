//! One function: what it tells about itself, what it takes, and what a call becomes.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::cast;

use super::kernels::{Run, call};
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed};

/// What a call becomes.
pub(crate) type Lower = fn(&mut Planner<'_>, &[Typed]) -> Typed;

/// One function: how it is written and what it becomes.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) descriptor: Descriptor,
    /// Other spellings, in lower case.
    pub(crate) aliases: &'static [&'static str],
    pub(crate) arguments_min: usize,
    pub(crate) arguments_max: usize,
    pub(crate) lower: Lower,
}

impl Entry {
    /// A function called `name` that takes exactly `arguments`.
    pub(crate) const fn new(
        name: &'static str,
        arguments: usize,
        syntax: &'static str,
        summary: &'static str,
        examples: &'static [&'static str],
        lower: Lower,
    ) -> Self {
        Entry {
            descriptor: Descriptor {
                name,
                kind: UnitKind::Function,
                syntax,
                summary,
                examples,
            },
            aliases: &[],
            arguments_min: arguments,
            arguments_max: arguments,
            lower,
        }
    }

    /// May be written in other ways, too.
    pub(crate) const fn or(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Takes up to `arguments`.
    pub(crate) const fn up_to(mut self, arguments: usize) -> Self {
        self.arguments_max = arguments;
        self
    }

    /// Whether it is written as `name`, in any case.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let mut names = self.aliases.iter().chain([&self.descriptor.name]);
        names.any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// A kernel over texts that answers text.
pub(super) fn text(name: &'static str, run: Run, arguments: &[Typed]) -> Typed {
    let arguments = arguments.iter().map(Typed::text).collect();
    Typed::new(call(name, run, arguments), FieldType::String)
}

/// A kernel over texts that answers true or false.
pub(super) fn test(name: &'static str, run: Run, arguments: &[Typed]) -> Typed {
    let arguments = arguments.iter().map(Typed::text).collect();
    Typed::new(call(name, run, arguments), FieldType::Boolean)
}

/// A kernel over texts that answers a whole number.
pub(super) fn long(name: &'static str, run: Run, arguments: &[Typed]) -> Typed {
    let arguments = arguments.iter().map(Typed::text).collect();
    let number = cast(call(name, run, arguments), DataType::Int64);
    Typed::new(number, FieldType::Long)
}

/// A kernel over numbers that answers a number.
pub(super) fn real(name: &'static str, run: Run, arguments: &[Typed]) -> Typed {
    let arguments = arguments.iter().map(Typed::number).collect();
    Typed::new(call(name, run, arguments), FieldType::Double)
}
