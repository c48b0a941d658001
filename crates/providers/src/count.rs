//! Counting a request's tokens without asking the model: only the Messages API counts for us.

use bedplate_converse::Request;
use serde_json::Value;

use crate::server::Server;
use crate::{Failure, Fault, Models};

impl Models {
    /// Tokens of `request` as whoever answers counts them; none where it does not count.
    ///
    /// # Errors
    /// What failed: the provider counts, but not now, or not this.
    pub async fn count_tokens(&self, request: &Request) -> Result<Option<u64>, Failure> {
        let route = self
            .route(&request.model)
            .map_err(|unrouted| Failure::new(Fault::Validation, unrouted.message))?;
        match self.server(&route.provider) {
            Some(server) => server.count(request, &route.model).await,
            None => Ok(None),
        }
    }
}

impl Server {
    async fn count(&self, request: &Request, model: &str) -> Result<Option<u64>, Failure> {
        let asked = async {
            let Some(post) = self.protocol.count(request, model)? else {
                return Ok(None);
            };
            match self.ask(post).await {
                Ok(value) => read(&value).map(Some),
                // A server that speaks the API without this part of it.
                Err(failure) if failure.fault == Fault::NotFound => Ok(None),
                Err(failure) => Err(failure),
            }
        };
        asked.await.map_err(|failure| self.failed(failure))
    }
}

fn read(value: &Value) -> Result<u64, Failure> {
    value["input_tokens"]
        .as_u64()
        .ok_or_else(|| Failure::raw(Fault::Malformed, "answered with a count of tokens that cannot be read"))
}
