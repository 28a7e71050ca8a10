//! What is wrong with a file of TOML, in one line.

/// Says what is wrong, with its line in front if it is known: `line 3: …`. Logs have a line for each event,
/// and what the library says by itself takes five.
pub(crate) fn problem(text: &str, error: &toml::de::Error) -> String {
    let lines: Vec<&str> = error.message().lines().map(str::trim).collect();
    let message = lines.join(", ");
    match error.span() {
        Some(span) => format!("line {}: {message}", line_of(text, span.start)),
        None => message,
    }
}

/// Returns the line, from 1, that the byte at `offset` is in.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    let before = text.bytes().take(offset);
    1 + before.filter(|&byte| byte == b'\n').count()
}
