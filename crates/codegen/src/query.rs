//! What of awsQuery the generated tables hold, and what of it they cannot: a model that needs more is refused here.

use crate::model::Model;

/// The form parameters that name an operation. They stand where other protocols have pairs of the query.
pub(crate) fn selectors(model: &Model, operation: &str) -> Vec<(&'static str, String)> {
    if !model.is_query() {
        return Vec::new();
    }
    vec![("Action", operation.to_owned()), ("Version", model.metadata.api_version.clone())]
}

/// Whether `wire` reads and writes this model rightly: it knows lists as `Name.member.1`, maps as `Name.entry.1.key`, results in an element
/// called after the operation, and namespaces that follow from name and version.
pub(crate) fn check(model: &Model) -> Result<(), String> {
    let namespace = format!("https://{}.amazonaws.com/doc/{}/", model.name, model.metadata.api_version);
    if model.metadata.xml_namespace.as_ref() != Some(&namespace) {
        return Err(format!(
            "{}: the XML namespace is not {namespace}, which is not supported",
            model.name
        ));
    }
    for (name, operation) in &model.operations {
        let wrapper = operation.output.as_ref().and_then(|output| output.result_wrapper.as_deref());
        if operation.output.is_some() && wrapper != Some(&format!("{name}Result")) {
            return Err(format!("{name}: the result's element is not {name}Result, which is not supported"));
        }
    }
    for (name, shape) in &model.shapes {
        let renamed = |item: &Option<crate::model::Reference>, usual: &str| {
            let given = item.as_ref().and_then(|item| item.location_name.as_deref());
            given.is_some_and(|given| given != usual)
        };
        if shape.flattened || renamed(&shape.member, "member") || renamed(&shape.key, "key") || renamed(&shape.value, "value") {
            return Err(format!("{name}: flattened or renamed items are not supported"));
        }
    }
    Ok(())
}
