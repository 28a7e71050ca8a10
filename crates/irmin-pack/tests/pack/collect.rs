//! What a collection promises, one by one.
