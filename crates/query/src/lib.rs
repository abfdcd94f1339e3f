//! What a question means: syntax, operators, plan, scan, running searches.

mod aggregates;
mod check;
mod descriptor;
mod erasure;
mod error;
mod fields;
mod functions;
mod lookups;
mod metrics;
mod operators;
mod plan;
mod scan;
mod search;
mod session;
mod sql_words;
mod syntax;

pub use check::check;
pub use descriptor::{Descriptor, UnitKind, descriptors};
pub use erasure::erasure;
pub use error::{QueryError, Result};
pub use fields::FieldInfo;
pub use functions::register_functions;
pub use metrics::{
    MetricsBand, MetricsQuery, MetricsRequest, MetricsRow, MetricsSeries, metrics_descriptors,
};
pub use plan::{FieldType, Output, Planned, QueryContext, ResultField, ResultKind, SqlText, plan};
pub use scan::TimeColumn;
pub use search::{
    Bucket, Explanation, Facet, FacetValue, FacetsRequest, Filter, Language, Numbers, Page, Row,
    ScanExplanation, SearchConfig, SearchId, SearchRequest, SearchState, SearchStatus, Searches,
    SegmentExplanation,
};
pub use session::{Engine, EngineConfig, session};
pub use sql_words::{SqlColumn, SqlTable, SqlWords};
pub use syntax::{Diagnostic, Severity};
