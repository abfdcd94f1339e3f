//! Functions of expressions, and the vectorised kernels that the operators use.

pub(crate) mod builders;
pub(crate) mod calls;
pub(crate) mod conversions;
pub(crate) mod json_path;
pub(crate) mod kernels;
pub(crate) mod text_search;
pub(crate) mod time_format;

use datafusion::prelude::SessionContext;

/// Registers every function with `session`, so that plans and SQL can name them.
pub fn register_functions(session: &SessionContext) {
    session.register_udf(kernels::Kernel::udf("text_match", text_search::MATCH));
    session.register_udf(kernels::Kernel::udf("parse_group", text_search::GROUP));
    session.register_udf(kernels::Kernel::udf("glob_match", text_search::GLOB));
    session.register_udf(kernels::Kernel::udf("json_path", text_search::JSON));
    session.register_udf(kernels::Kernel::udf("to_number", conversions::NUMBER));
    session.register_udf(kernels::Kernel::udf("format_date", time_format::FORMAT));
}
