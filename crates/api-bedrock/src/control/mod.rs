//! `bedrock`: which models there are, under which names they answer, and what is logged of their calls.
