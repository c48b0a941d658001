//! Reserved concurrency, and the limits of the account.

use bedplate_catalog::Change;
use bedplate_lambda::limits;
use bedplate_wire::{Context, Empty, Fault};
use bedplate_wire_lambda::types::{
    AccountLimit, AccountUsage, Concurrency, DeleteFunctionConcurrencyRequest, GetAccountSettingsRequest, GetAccountSettingsResponse,
    GetFunctionConcurrencyRequest, GetFunctionConcurrencyResponse, PutFunctionConcurrencyRequest,
};

use crate::State;
use crate::document::Document;
use crate::fault::exception;
use crate::name::{Name, prefix_of};

/// All code of an account together: 75 GB (AWS Lambda quotas); told, not limited.
const CODE_BYTES_MAX: i64 = 75 * 1024 * 1024 * 1024;

/// Limits how many invokes of a function run at a time; 0 stops it. Unlike AWS nothing must be left for other functions.
pub(crate) async fn put(state: &State, context: &Context, input: PutFunctionConcurrencyRequest) -> Result<Concurrency, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    let reserved = Some(input.reserved_concurrent_executions);
    set(state, &name, reserved).await?;
    Ok(Concurrency {
        reserved_concurrent_executions: reserved,
    })
}

/// The limit, when there is one.
pub(crate) async fn get(
    state: &State,
    context: &Context,
    input: GetFunctionConcurrencyRequest,
) -> Result<GetFunctionConcurrencyResponse, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    let (document, _) = state.find(&name).await?;
    Ok(GetFunctionConcurrencyResponse {
        reserved_concurrent_executions: document.reserved,
    })
}

/// Takes the limit away.
pub(crate) async fn delete(state: &State, context: &Context, input: DeleteFunctionConcurrencyRequest) -> Result<Empty, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    set(state, &name, None).await?;
    Ok(Empty)
}

/// What this host runs at a time, and what there is.
pub(crate) async fn settings(state: &State, context: &Context, _: GetAccountSettingsRequest) -> Result<GetAccountSettingsResponse, Fault> {
    let stored = state.catalog.all(&prefix_of(&context.place)).await.map_err(exception)?;
    let mut bytes = 0;
    for stored in &stored {
        bytes += Document::read(stored).map_err(exception)?.configuration.code_size.unwrap_or(0);
    }
    let running = i32::try_from(limits::RUNNING_MAX).ok();
    Ok(GetAccountSettingsResponse {
        account_limit: Some(AccountLimit {
            total_code_size: Some(CODE_BYTES_MAX),
            code_size_unzipped: i64::try_from(limits::UNZIPPED_BYTES_MAX).ok(),
            code_size_zipped: i64::try_from(limits::ZIP_BYTES_MAX).ok(),
            concurrent_executions: running,
            unreserved_concurrent_executions: running,
        }),
        account_usage: Some(AccountUsage {
            total_code_size: Some(bytes),
            function_count: i64::try_from(stored.len()).ok(),
        }),
    })
}

async fn set(state: &State, name: &Name, reserved: Option<i32>) -> Result<(), Fault> {
    let _writing = state.writing.lock().await;
    let (mut document, stored) = state.find(name).await?;
    document.reserved = reserved;
    let change = Change::new().replace(&stored, &document.body());
    state.catalog.commit(change).await.map_err(exception)?;
    state.tell_concurrency(name, &document);
    Ok(())
}

impl State {
    /// Tells the host the reserved concurrency of a function.
    pub(crate) fn tell_concurrency(&self, name: &Name, document: &Document) {
        let limit = document.reserved.map(|limit| u32::try_from(limit).unwrap_or(0));
        self.host.set_concurrency(&name.arn, limit);
    }
}
