//! Buckets behind the listener's door.

use std::sync::Arc;

use bedplate_base::BoxFuture;
use bedplate_bucket::{Buckets, Caller, Service};
use bedplate_http::{BucketDoor, ObjectBody, Objects};
use bedplate_wire::Context;

/// The door.
struct Door {
    buckets: Buckets,
    service: Service,
}

/// The door of these buckets.
pub(crate) fn door(buckets: &Buckets) -> Arc<dyn BucketDoor> {
    Arc::new(Door {
        buckets: buckets.clone(),
        service: Service::new(buckets.clone()),
    })
}

impl BucketDoor for Door {
    fn has(&self, bucket: &str) -> bool {
        self.buckets.has(bucket)
    }

    fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn call(&self, request: http::Request<ObjectBody>, context: Context) -> BoxFuture<'static, Objects> {
        let service = self.service.clone();
        let caller = Caller {
            account: context.place.account,
            region: context.place.region,
            request_id: context.request_id,
        };
        Box::pin(async move { service.call(request, caller).await })
    }
}
