//! Says the columns of a table in terms of those that a segment's file holds: some of them are
//! made of others.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use storage::Derived;

/// Makes what adapts expressions to the file of a segment.
#[derive(Debug)]
pub(super) struct StoredColumns;

impl PhysicalExprAdapterFactory for StoredColumns {
    fn create(
        &self,
        logical_file_schema: SchemaRef,
        physical_file_schema: SchemaRef,
    ) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let file = Arc::clone(&physical_file_schema);
        let plain =
            DefaultPhysicalExprAdapterFactory.create(logical_file_schema, physical_file_schema)?;
        Ok(Arc::new(Adapter { file, plain }))
    }
}

#[derive(Debug)]
struct Adapter {
    file: SchemaRef,
    /// Casts what the file holds in another type.
    plain: Arc<dyn PhysicalExprAdapter>,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let rewritten = expr.transform_down(|node| {
            let Some(column) = node.downcast_ref::<Column>() else {
                return Ok(Transformed::no(node));
            };
            let stored = match Derived::of(column.name(), &self.file) {
                Some(derived) => self.made(derived)?,
                None => self.plain.rewrite(node)?,
            };
            Ok(Transformed::new(stored, true, TreeNodeRecursion::Jump))
        });
        Ok(rewritten?.data)
    }
}

impl Adapter {
    /// The expression that makes a column of its parts.
    fn made(&self, derived: &'static Derived) -> Result<Arc<dyn PhysicalExpr>> {
        let parts = derived.parts.iter().map(|part| -> Result<_> {
            let place = self.file.index_of(part)?;
            Ok(Arc::new(Column::new(part, place)) as Arc<dyn PhysicalExpr>)
        });
        Ok(Arc::new(ScalarFunctionExpr::try_new(
            Arc::new(ScalarUDF::from(Make::new(derived))),
            parts.collect::<Result<_>>()?,
            &self.file,
            Arc::new(ConfigOptions::default()),
        )?))
    }
}

/// Makes a column of its parts.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Make {
    derived: &'static Derived,
    signature: Signature,
}

impl Make {
    fn new(derived: &'static Derived) -> Self {
        Make {
            derived,
            signature: Signature::variadic_any(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Make {
    fn name(&self) -> &str {
        self.derived.column
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let columns = self.derived.table.schema();
        Ok(Arc::new(columns.field_with_name(self.name())?.clone()))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let parts = ColumnarValue::values_to_arrays(&arguments.args)?;
        let parts: Vec<&ArrayRef> = parts.iter().collect();
        Ok(ColumnarValue::Array(self.derived.make(&parts)?))
    }
}
