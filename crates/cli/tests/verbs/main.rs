//! The verbs, from text in to text out.
