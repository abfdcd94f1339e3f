//! Rules that users write for events on their way in: what becomes fields ([`extract`]), what
//! must never be written ([`redact`]), and how much one source may send in a day ([`budget`]).
//!
//! They work before anything is written, also before the WAL: in the order extraction,
//! redaction; so what was extracted is redacted, too.

pub(crate) mod budget;
mod extract;
mod pattern;
mod redact;

pub use budget::Budget;
pub use extract::ExtractionRule;
pub use pattern::Pattern;
pub use redact::{Redaction, RedactionRule};

use model::LogEvent;
use serde::{Deserialize, Serialize};

/// All rules, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// `[[extraction_rules]]`.
    pub extraction: Vec<ExtractionRule>,
    /// `[[redaction_rules]]`.
    pub redaction: Vec<RedactionRule>,
    /// `[[ingest_budgets]]`.
    pub budgets: Vec<Budget>,
}

impl Rules {
    /// Checks what each rule's own text cannot tell.
    ///
    /// # Errors
    /// The mistake in words, with the rule's name.
    pub fn validate(&self) -> Result<(), String> {
        self.extraction
            .iter()
            .try_for_each(ExtractionRule::validate)?;
        self.redaction
            .iter()
            .try_for_each(RedactionRule::validate)?;
        self.budgets.iter().try_for_each(Budget::validate)
    }

    /// Changes an event whose serverless fields are filled in.
    pub(crate) fn apply(&self, event: &mut LogEvent) {
        for rule in &self.extraction {
            rule.apply(event);
        }
        for rule in &self.redaction {
            rule.apply(event);
        }
    }
}
