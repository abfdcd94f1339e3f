//! The catalog's outbox: messages to people, until somebody has received them or they are given up.

use futures::future::BoxFuture;
use model::Timestamp;

use super::Catalog;
use super::alerts::{AlertEvent, insert_event};
use super::database::{Row, Transaction, Value};
use crate::{Result, StorageError};

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// It is to be sent.
    Waiting,
    /// It has been received.
    Sent,
    /// It will not be sent any more.
    GivenUp,
}

impl MessageState {
    /// The name in the catalog and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            MessageState::Waiting => "waiting",
            MessageState::Sent => "sent",
            MessageState::GivenUp => "given_up",
        }
    }

    fn named(name: &str) -> Result<MessageState> {
        [
            MessageState::Waiting,
            MessageState::Sent,
            MessageState::GivenUp,
        ]
        .into_iter()
        .find(|state| state.name() == name)
        .ok_or_else(|| StorageError::Decode(format!("no message is `{name}`")))
    }
}

/// A message to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The key by which the receiver knows a message that it had before.
    pub id: String,
    /// The channel's name.
    pub channel: String,
    /// Where it stands.
    pub state: MessageState,
    /// When it is to be sent.
    pub due_at: Timestamp,
    /// How often sending was tried.
    pub attempts: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it says.
    pub body: String,
    /// What the last attempt came to.
    pub outcome: String,
}

impl Catalog {
    /// Returns the messages that are still to be sent, the oldest first.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn waiting_messages(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Message>>> {
        Box::pin(async move {
            let sql =
                "SELECT id, channel, state, due_at, attempts, created_at, body, outcome FROM outbox
             WHERE state = 'waiting' ORDER BY created_at, id LIMIT $1";
            let rows = self
                .read("read waiting messages", sql, vec![(limit as u64).into()])
                .await?;
            rows.iter().map(message).collect()
        })
    }

    /// Returns the newest messages, whatever became of them.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn messages(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Message>>> {
        Box::pin(async move {
            let sql =
                "SELECT id, channel, state, due_at, attempts, created_at, body, outcome FROM outbox
             ORDER BY created_at DESC, id LIMIT $1";
            let rows = self
                .read("read messages", sql, vec![(limit as u64).into()])
                .await?;
            rows.iter().map(message).collect()
        })
    }

    /// Returns how many messages stand where, by the name of the state.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn message_counts(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>>> {
        Box::pin(async move {
            let sql =
                "SELECT state, COUNT(*) AS messages FROM outbox GROUP BY state ORDER BY state";
            let rows = self.read("count messages", sql, Vec::new()).await?;
            rows.iter()
                .map(|row| Ok((row.text("state")?, row.count("messages")?)))
                .collect()
        })
    }

    /// Notes what became of an attempt to send `message`, and what happened to its alerts by it.
    ///
    /// # Errors
    /// If the catalog cannot be written.
    pub fn settle_message<'a>(
        &'a self,
        message: &'a Message,
        events: &'a [AlertEvent],
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let failed = || StorageError::catalog("note what became of a message");
            let mut transaction = self.database.begin().await.map_err(failed())?;
            let values: Vec<Value> = vec![
                message.id.as_str().into(),
                message.state.name().into(),
                message.due_at.into(),
                message.attempts.into(),
                message.outcome.as_str().into(),
            ];
            let sql = "UPDATE outbox SET state = $2, due_at = $3, attempts = $4, outcome = $5 WHERE id = $1";
            transaction.execute(sql, values).await.map_err(failed())?;
            for event in events {
                insert_event(&mut transaction, event)
                    .await
                    .map_err(failed())?;
            }
            transaction.commit().await.map_err(failed())
        })
    }
}

pub(super) async fn insert(
    transaction: &mut Transaction,
    message: &Message,
) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO outbox (id, channel, state, due_at, attempts, created_at, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING";
    let values: Vec<Value> = vec![
        message.id.as_str().into(),
        message.channel.as_str().into(),
        message.state.name().into(),
        message.due_at.into(),
        message.attempts.into(),
        message.created_at.into(),
        message.body.as_str().into(),
    ];
    transaction.execute(sql, values).await.map(drop)
}

fn message(row: &Row) -> Result<Message> {
    Ok(Message {
        id: row.text("id")?,
        channel: row.text("channel")?,
        state: MessageState::named(&row.text("state")?)?,
        due_at: row.time("due_at")?,
        attempts: row.count("attempts")?,
        created_at: row.time("created_at")?,
        body: row.text("body")?,
        outcome: row.text("outcome")?,
    })
}
