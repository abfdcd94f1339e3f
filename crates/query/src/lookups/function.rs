//! A lookup as a function of a plan: keys in, one column of the table out.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::Keyed;

/// The value of a column of `table` in the row with these keys; null if there is none. `id` says
/// which table and column it is.
pub(crate) fn value(table: Arc<dyn Keyed>, id: String, column: &str, keys: Vec<Expr>) -> Expr {
    let function = Lookup {
        table,
        id,
        column: column.to_owned(),
        signature: Signature::variadic_any(Volatility::Stable),
    };
    ScalarUDF::from(function).call(keys)
}

#[derive(Debug)]
struct Lookup {
    table: Arc<dyn Keyed>,
    id: String,
    column: String,
    signature: Signature,
}

impl PartialEq for Lookup {
    fn eq(&self, other: &Self) -> bool {
        (&self.id, &self.column) == (&other.id, &other.column)
    }
}

impl Eq for Lookup {}

impl Hash for Lookup {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.id, &self.column).hash(state);
    }
}

impl ScalarUDFImpl for Lookup {
    fn name(&self) -> &str {
        "lookup_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let mut columns = Vec::new();
        for argument in &arguments.args {
            columns.push(cast(&argument.to_array(rows)?, &DataType::Utf8View)?);
        }
        let columns: Vec<_> = columns
            .iter()
            .map(|column| column.as_string_view())
            .collect();
        let mut found = StringViewBuilder::with_capacity(rows);
        let mut before: Option<(Vec<&str>, Option<String>)> = None;
        for row in 0..rows {
            let keys: Option<Vec<&str>> = columns
                .iter()
                .map(|column| column.is_valid(row).then(|| column.value(row)))
                .collect();
            let Some(keys) = keys else {
                found.append_null();
                continue;
            };
            // Rows of the same address often follow each other.
            if before.as_ref().is_none_or(|(known, _)| *known != keys) {
                let value = self.table.find(&keys, &self.column);
                before = Some((keys, value));
            }
            found.append_option(before.as_ref().and_then(|(_, value)| value.as_deref()));
        }
        Ok(ColumnarValue::Array(Arc::new(found.finish())))
    }
}
