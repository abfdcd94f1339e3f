//! Lookups as functions: a value of a table by its keys, and the table as a whole.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, AsArray, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::{TableFunctionImpl, TableProvider};
use datafusion::datasource::MemTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::SessionContext;

use super::{Found, Keyed, LookupTable, LookupTables};

/// The name of the function, in plans and in SQL.
pub(crate) const VALUE: &str = "lookup_value";
/// The name of the table function, in SQL.
pub(crate) const TABLE: &str = "lookup";

/// Indexes that are kept; beyond that they are made anew.
const INDEXED_MAX: usize = 100;

/// Gives both functions to a session, over the tables that it knows.
pub(crate) fn register(session: &SessionContext) {
    let tables = session.copied_config().get_extension::<LookupTables>();
    session.register_udf(ScalarUDF::from(LookupValue {
        tables: tables.clone(),
        indexed: Mutex::default(),
        signature: Signature::variadic_any(Volatility::Stable),
    }));
    session.register_udtf(TABLE, Arc::new(LookupRows { tables }));
}

/// A table, and its index on certain columns.
type Indexed = (Arc<dyn LookupTable>, Arc<dyn Keyed>);

/// `lookup_value(table, column, key, value, …)`: the value of a column in the row with these keys;
/// null if there is none. All sessions share it, so an index is made once until the table changes.
struct LookupValue {
    tables: Option<Arc<LookupTables>>,
    indexed: Mutex<HashMap<Vec<String>, Indexed>>,
    signature: Signature,
}

impl std::fmt::Debug for LookupValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(VALUE)
    }
}

impl PartialEq for LookupValue {
    fn eq(&self, other: &Self) -> bool {
        let pointer = |tables: &Option<Arc<LookupTables>>| tables.as_ref().map(Arc::as_ptr);
        pointer(&self.tables) == pointer(&other.tables)
    }
}

impl Eq for LookupValue {}

impl Hash for LookupValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        VALUE.hash(state);
    }
}

fn wrong(message: String) -> DataFusionError {
    DataFusionError::Plan(message)
}

impl LookupValue {
    /// The table with an index on these keys; nothing, if it is not set up.
    fn keyed(&self, table: &str, keys: &[String]) -> Result<Option<Arc<dyn Keyed>>> {
        let missing = || wrong(format!("there are no tables in which `{table}` could be"));
        let tables = self.tables.as_ref().ok_or_else(missing)?;
        let Found::Table(found) = tables.open(table).map_err(wrong)? else {
            return Ok(None);
        };
        let mut indexed = self.indexed.lock().unwrap_or_else(PoisonError::into_inner);
        let name = [&[table.to_owned()], keys].concat();
        if let Some((known, keyed)) = indexed.get(&name)
            && Arc::ptr_eq(known, &found)
        {
            return Ok(Some(Arc::clone(keyed)));
        }
        if indexed.len() >= INDEXED_MAX {
            indexed.clear();
        }
        let keyed = found.by(keys).map_err(wrong)?;
        indexed.insert(name, (found, Arc::clone(&keyed)));
        Ok(Some(keyed))
    }
}

fn constant(argument: &ColumnarValue) -> Result<String> {
    let value = match argument {
        ColumnarValue::Scalar(value) => value.try_as_str().flatten(),
        ColumnarValue::Array(_) => None,
    };
    let message =
        "`lookup_value(table, column, key, value, …)`: table, column and keys are quoted texts";
    value
        .map(str::to_owned)
        .ok_or_else(|| wrong(message.to_owned()))
}

impl ScalarUDFImpl for LookupValue {
    fn name(&self) -> &str {
        VALUE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let [table, column, pairs @ ..] = arguments.args.as_slice() else {
            return Err(wrong(
                "`lookup_value` needs a table and a column".to_owned(),
            ));
        };
        let (table, column) = (constant(table)?, constant(column)?);
        let (mut keys, mut columns) = (Vec::new(), Vec::new());
        for pair in pairs.chunks(2) {
            let [key, value] = pair else {
                return Err(wrong(
                    "`lookup_value` needs a value for each key".to_owned(),
                ));
            };
            keys.push(constant(key)?);
            columns.push(cast(&value.to_array(rows)?, &DataType::Utf8View)?);
        }
        let keyed = self.keyed(&table, &keys)?;
        let columns: Vec<_> = columns
            .iter()
            .map(|values| values.as_string_view())
            .collect();
        let mut found = StringViewBuilder::with_capacity(rows);
        let mut before: Option<(Vec<&str>, Option<String>)> = None;
        for row in 0..rows {
            let values: Option<Vec<&str>> = columns
                .iter()
                .map(|column| column.is_valid(row).then(|| column.value(row)))
                .collect();
            let (Some(values), Some(keyed)) = (values, &keyed) else {
                found.append_null();
                continue;
            };
            // Rows of the same address often follow each other.
            if before.as_ref().is_none_or(|(known, _)| *known != values) {
                let value = keyed.find(&values, &column);
                before = Some((values, value));
            }
            found.append_option(before.as_ref().and_then(|(_, value)| value.as_deref()));
        }
        Ok(ColumnarValue::Array(Arc::new(found.finish())))
    }
}

/// `lookup('shared/owners')`: the rows of a table.
#[derive(Debug)]
struct LookupRows {
    tables: Option<Arc<LookupTables>>,
}

impl TableFunctionImpl for LookupRows {
    fn call(&self, arguments: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let name = match arguments {
            [Expr::Literal(value, _)] => value.try_as_str().flatten(),
            _ => None,
        };
        let name =
            name.ok_or_else(|| wrong("`lookup` needs the name of a table in quotes".to_owned()))?;
        let opened = self.tables.as_ref().map(|tables| tables.open(name));
        let rows = match opened.transpose().map_err(wrong)? {
            Some(Found::Table(table)) => table.rows().cloned(),
            Some(Found::NotSetUp { warning }) => return Err(wrong(warning)),
            None => None,
        };
        let rows = rows.ok_or_else(|| wrong(format!("the rows of `{name}` cannot be listed")))?;
        Ok(Arc::new(MemTable::try_new(
            rows.schema(),
            vec![vec![rows]],
        )?))
    }
}
