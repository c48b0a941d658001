//! The one table that an api crate writes: which handler serves which operation.

/// Makes, from a table of operations and handlers, `BUILT` (names of the operations that are served) and `dispatch`.
///
/// A handler is `async fn(&State, &Context, Input) -> Result<Reply, Error>`, where the reply is the operation's output or `Streamed<output>`.
/// The coverage table in the docs is generated from the text of these tables.
#[macro_export]
macro_rules! operations {
    (
        service: $service:literal, state: $state:ty, ops: $ops:ident, fault: $fault:path,
        $($operation:ident => $handler:path),* $(,)?
    ) => {
        /// The operations that are served; all others of the service answer 501.
        pub const BUILT: &[&str] = &[$(stringify!($operation)),*];

        const _: () = assert!($crate::same($service, $ops::NAME), "the table names another service than its ops module");

        /// Serves a routed request.
        pub async fn dispatch(state: &$state, routed: $crate::Routed, request: $crate::Request) -> $crate::Response {
            let operation = routed.operation;
            $(
                if operation.name == <$ops::$operation as $crate::Call>::NAME {
                    let input = match $crate::read::<<$ops::$operation as $crate::Call>::Input>(&routed, &request) {
                        Ok(input) => input,
                        Err(fault) => return fault.into_response(routed.service, &request.context),
                    };
                    let answer = ::std::boxed::Box::pin($handler(state, &request.context, input)).await;
                    return match answer {
                        Ok(output) => $crate::Reply::reply(output, routed.service.protocol, operation, &request.context),
                        Err(error) => $crate::Fault::into_response($fault(operation, error), routed.service, &request.context),
                    };
                }
            )*
            $crate::Fault::not_implemented(operation).into_response(routed.service, &request.context)
        }
    };
}

/// Whether two texts are equal, at compile time.
pub const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut index = 0;
    while index < left.len() && index < right.len() && left[index] == right[index] {
        index += 1;
    }
    index == left.len() && index == right.len()
}

/// A string enum: variants with the model's words. The default is the first; it exists so that structs can be built with `..Default::default()`.
#[macro_export]
macro_rules! string_enum {
    ($(#[$doc:meta])* $name:ident { $first:ident = $first_word:literal, $($variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { #[default] $first, $($variant),* }

        impl $name {
            /// All of them, in the model's order.
            pub const ALL: &'static [Self] = &[Self::$first, $(Self::$variant),*];

            /// The model's word.
            pub const fn as_str(self) -> &'static str {
                match self { Self::$first => $first_word, $(Self::$variant => $word),* }
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::ReadError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $first_word => Ok(Self::$first),
                    $($word => Ok(Self::$variant),)*
                    _ => Err($crate::ReadError::new(concat!("not a value of ", stringify!($name)))),
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::Json for $name {
            fn to_json(&self) -> $crate::Value {
                $crate::Value::from(self.as_str())
            }

            fn from_json(value: &$crate::Value) -> Result<Self, $crate::ReadError> {
                String::from_json(value)?.parse()
            }
        }
    };
}
