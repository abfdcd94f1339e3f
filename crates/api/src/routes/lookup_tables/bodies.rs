//! What clients send about lookup tables, and what they get.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use storage::{LookupField, LookupInfo, LookupType, Lookups};

use crate::error::{ApiError, Result};

/// A column as clients write it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Field {
    pub(super) field_name: String,
    /// `boolean`, `int`, `long`, `double` or `string`.
    #[schema(value_type = String)]
    pub(super) field_type: LookupType,
}

/// A table to declare.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Declaration {
    /// Its name; with slashes, its whole path.
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: String,
    pub(super) fields: Vec<Field>,
    #[serde(default)]
    pub(super) primary_keys: Vec<String>,
    /// A path such as `/shared`; any other value stands for `/Library`.
    #[serde(default)]
    pub(super) parent_folder_id: Option<String>,
    /// Only 0: rows stay until somebody removes them.
    #[serde(default)]
    pub(super) ttl: i64,
    /// Only `StopIncomingMessages`.
    #[serde(default)]
    pub(super) size_limit_action: Option<String>,
}

/// What may be changed of a declaration.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Update {
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) ttl: i64,
    #[serde(default)]
    pub(super) size_limit_action: Option<String>,
}

/// One cell.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cell {
    pub(super) column_name: String,
    #[serde(default)]
    pub(super) column_value: String,
}

/// A row to write.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct RowUpdate {
    pub(super) row: Vec<Cell>,
}

/// A row to remove.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RowDelete {
    pub(super) primary_key: Vec<Cell>,
}

/// What is asked for and not done here is refused, and not forgotten.
pub(super) fn check_limits(ttl: i64, size_limit_action: Option<&str>) -> Result<()> {
    if ttl != 0 {
        let message = "rows do not expire here; leave out `ttl`, and remove rows or upload anew";
        return Err(ApiError::bad("lookup.ttl", message));
    }
    match size_limit_action {
        None | Some("StopIncomingMessages") => Ok(()),
        Some(_) => {
            let message =
                "a table that is full takes no more rows; only `StopIncomingMessages` is done";
            Err(ApiError::bad("lookup.size_limit_action", message))
        }
    }
}

/// A table as clients read it.
pub(super) fn shown(lookups: &Lookups, info: &LookupInfo) -> Result<Value> {
    let path = format!("/{}", info.name);
    let name = info.name.rsplit('/').next().unwrap_or_default();
    let (description, fields, keys) = match &info.schema {
        Some(schema) => (
            schema.description.clone(),
            schema.fields.clone(),
            schema.keys.clone(),
        ),
        None => {
            let columns = lookups.rows(&info.name)?.schema();
            let fields = columns.fields().iter().map(|field| LookupField {
                name: field.name().clone(),
                field_type: LookupType::String,
            });
            (String::new(), fields.collect(), Vec::new())
        }
    };
    let fields = fields.into_iter().map(|field| Field {
        field_name: field.name,
        field_type: field.field_type,
    });
    Ok(json!({
        "id": info.id,
        "name": name,
        "contentPath": path,
        "description": description,
        "fields": fields.collect::<Vec<_>>(),
        "primaryKeys": keys,
        "ttl": 0,
        "sizeLimitAction": "StopIncomingMessages",
        "size": info.bytes,
        "createdAt": moment(info.schema.as_ref().map_or(info.changed_ms, |schema| schema.created_ms)),
        "modifiedAt": moment(info.changed_ms),
    }))
}

pub(super) fn moment(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |at| at.to_string())
}
