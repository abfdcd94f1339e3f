//! The database under the catalog: SQLite in the data folder, or PostgreSQL.
//!
//! The one place that knows which. Statements are written once, in the SQL that both speak,
//! with `$1` for parameters.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use sqlx::migrate::{Migration, Migrator};
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Executor, Postgres, Row as _, SqlSafeStr, Sqlite};

use crate::{Result, StorageError};

const CONNECTIONS_MAX: u32 = 4;
/// Who holds this advisory lock of a PostgreSQL database uses its catalog.
const CATALOG_LOCK: i64 = 0x006e_6570_686f_7363;

const LOCK_TIMEOUT: &str = "SET lock_timeout = '2s'";
/// What PostgreSQL says when it has waited long enough for a lock.
const LOCK_NOT_AVAILABLE: &str = "55P03";

static MIGRATIONS: Migrator = sqlx::migrate!();

/// The database. Clones share it.
#[derive(Clone, Debug)]
pub(super) enum Database {
    Sqlite(SqlitePool),
    Postgres {
        pool: PgPool,
        /// Holds [`CATALOG_LOCK`] as long as the database is open.
        _lock: Arc<PgConnection>,
    },
}

/// A parameter of a statement.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Integer(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Integer(Some(number))
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Some(number).into()
    }
}

impl From<Option<u64>> for Value {
    fn from(number: Option<u64>) -> Self {
        Value::Integer(number.map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<model::Timestamp> for Value {
    fn from(moment: model::Timestamp) -> Self {
        Value::Integer(Some(moment.nanos()))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Bytes(Some(bytes))
    }
}

impl From<Option<Vec<u8>>> for Value {
    fn from(bytes: Option<Vec<u8>>) -> Self {
        Value::Bytes(bytes)
    }
}

/// A row of an answer.
#[derive(Debug)]
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// Statements that happen together or not at all; dropped, they have not happened.
#[derive(Debug)]
pub(super) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// A statement for one of the databases, with its parameters.
macro_rules! bound {
    ($database:ty, $sql:expr, $values:expr) => {
        $values
            .into_iter()
            .fold(sqlx::query::<$database>($sql), |query, value| match value {
                Value::Text(text) => query.bind(text),
                Value::Integer(number) => query.bind(number),
                Value::Bytes(bytes) => query.bind(bytes),
            })
    };
}

impl Database {
    /// Opens the SQLite file `path`, which is made if it is not there.
    pub(super) async fn sqlite(path: &Path) -> Result<Database> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .connect_with(options)
            .await
            .map_err(StorageError::catalog("open the database"))?;
        let migrated = MIGRATIONS.run(&pool).await;
        migrated.map_err(|source| StorageError::Migrate {
            database: path.display().to_string(),
            source,
        })?;
        Ok(Database::Sqlite(pool))
    }

    /// Connects to the PostgreSQL database at `url`, and takes it for this process alone.
    pub(super) async fn postgres(url: &str) -> Result<Database> {
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .connect(url)
            .await
            .map_err(StorageError::catalog("connect to the database"))?;
        let lock = lock(&pool).await?;
        let migrated = postgres_migrations().run(&pool).await;
        migrated.map_err(|source| StorageError::Migrate {
            database: "in PostgreSQL".to_owned(),
            source,
        })?;
        Ok(Database::Postgres {
            pool,
            _lock: Arc::new(lock),
        })
    }

    /// Returns the rows that a statement selects.
    pub(super) async fn fetch(
        &self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Database::Sqlite(pool) => {
                let rows = pool.fetch_all(bound!(Sqlite, sql, values)).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Database::Postgres { pool, .. } => {
                let rows = pool.fetch_all(bound!(Postgres, sql, values)).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// Begins to write. SQLite has one writer: the others wait here, where waiting is safe.
    pub(super) async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        match self {
            Database::Sqlite(pool) => {
                let begun = pool.begin_with("BEGIN IMMEDIATE").await?;
                Ok(Transaction::Sqlite(begun))
            }
            Database::Postgres { pool, .. } => Ok(Transaction::Postgres(pool.begin().await?)),
        }
    }
}

impl Transaction {
    /// Executes a statement and returns how many rows it changed.
    pub(super) async fn execute(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<u64, sqlx::Error> {
        match self {
            Transaction::Sqlite(transaction) => {
                let done = bound!(Sqlite, sql, values)
                    .execute(&mut **transaction)
                    .await?;
                Ok(done.rows_affected())
            }
            Transaction::Postgres(transaction) => {
                let done = bound!(Postgres, sql, values)
                    .execute(&mut **transaction)
                    .await?;
                Ok(done.rows_affected())
            }
        }
    }

    /// Makes it durable.
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Transaction::Sqlite(transaction) => transaction.commit().await,
            Transaction::Postgres(transaction) => transaction.commit().await,
        }
    }
}

impl Row {
    /// The text in a column.
    pub(super) fn text(&self, column: &'static str) -> Result<String> {
        match self {
            Row::Sqlite(row) => row.try_get(column),
            Row::Postgres(row) => row.try_get(column),
        }
        .map_err(StorageError::catalog("read a row"))
    }

    /// The number in a column.
    pub(super) fn integer(&self, column: &'static str) -> Result<i64> {
        match self {
            Row::Sqlite(row) => row.try_get(column),
            Row::Postgres(row) => row.try_get(column),
        }
        .map_err(StorageError::catalog("read a row"))
    }

    /// The number in a column that cannot be negative.
    pub(super) fn count(&self, column: &'static str) -> Result<u64> {
        self.integer(column)
            .map(|value| u64::try_from(value).unwrap_or(0))
    }

    /// As [`Row::count`], of a column that may be null.
    pub(super) fn count_if_any(&self, column: &'static str) -> Result<Option<u64>> {
        let value: Option<i64> = match self {
            Row::Sqlite(row) => row.try_get(column),
            Row::Postgres(row) => row.try_get(column),
        }
        .map_err(StorageError::catalog("read a row"))?;
        Ok(value.map(|value| u64::try_from(value).unwrap_or(0)))
    }

    /// The moment in a column.
    pub(super) fn time(&self, column: &'static str) -> Result<model::Timestamp> {
        self.integer(column).map(model::Timestamp::from_nanos)
    }

    /// The bytes in a column, unless they are null.
    pub(super) fn bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>> {
        match self {
            Row::Sqlite(row) => row.try_get(column),
            Row::Postgres(row) => row.try_get(column),
        }
        .map_err(StorageError::catalog("read a row"))
    }
}

/// Takes the database for this process, as long as the returned connection lives. A node that
/// has just died may seem to live for a moment.
async fn lock(pool: &PgPool) -> Result<PgConnection> {
    let failed = || StorageError::catalog("take the database for this node alone");
    let mut connection = pool.acquire().await.map_err(failed())?.detach();
    connection.execute(LOCK_TIMEOUT).await.map_err(failed())?;
    let locked = sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(CATALOG_LOCK)
        .execute(&mut connection)
        .await;
    match locked {
        Ok(_) => Ok(connection),
        Err(error) => {
            let code = error.as_database_error().and_then(|error| error.code());
            match code.as_deref() {
                Some(LOCK_NOT_AVAILABLE) => Err(StorageError::CatalogInUse),
                _ => Err(failed()(error)),
            }
        }
    }
}

/// The migrations in PostgreSQL's words: it calls a BLOB a BYTEA.
fn postgres_migrations() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|migration| {
        Migration::new(
            migration.version,
            Cow::Owned(migration.description.to_string()),
            migration.migration_type,
            AssertSqlSafe(migration.sql.as_str().replace(" BLOB", " BYTEA")).into_sql_str(),
            migration.no_tx,
        )
    });
    Migrator::with_migrations(migrations.collect())
}
