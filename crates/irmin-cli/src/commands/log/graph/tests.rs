use super::*;

/// Draws a history given as `commit parent parent …`, newest first.
fn draw(history: &[&str]) -> String {
    let ui = Ui::new(false);
    let mut graph = Graph::default();
    let mut rows = Vec::new();
    for line in history {
        let mut ids = line.split(' ').map(|name| Id::of(name.as_bytes()));
        let id = ids.next().unwrap();
        let parents: Vec<Id> = ids.collect();
        let name = line.split(' ').next().unwrap();
        rows.extend(graph.rows(&ui, id, &parents, name));
    }
    rows.join("\n")
}

#[test]
fn a_line_is_straight() {
    assert_eq!(draw(&["c b", "b a", "a"]), "● c\n● b\n● a");
}

#[test]
fn a_merge_forks_and_its_lanes_join_at_the_common_ancestor() {
    let drawn = draw(&["m x y", "y a", "x a", "a"]);
    assert_eq!(
        drawn,
        "● m\n\
         ├─╮\n\
         │ ● y\n\
         ● │ x\n\
         ├─╯\n\
         ● a"
    );
}

#[test]
fn a_merge_of_three_has_three_lanes() {
    let drawn = draw(&["m x y z", "z a", "y a", "x a", "a"]);
    assert_eq!(
        drawn,
        "● m\n\
         ├─╮\n\
         ├─┼─╮\n\
         │ │ ● z\n\
         │ ● │ y\n\
         ● │ │ x\n\
         ├─┴─╯\n\
         ● a"
    );
}

#[test]
fn a_lane_that_leads_to_the_parent_already_is_met() {
    let drawn = draw(&["n m y", "y a", "m a y2", "y2 a", "a"]);
    assert!(drawn.ends_with("● a"), "{drawn}");
    let crossed = draw(&["t p q", "p r q", "q r", "r"]);
    assert_eq!(
        crossed,
        "● t\n\
         ├─╮\n\
         ● │ p\n\
         ├─┤\n\
         │ ● q\n\
         ├─╯\n\
         ● r"
    );
}

#[test]
fn unrelated_histories_stand_beside_each_other() {
    assert_eq!(draw(&["b", "a"]), "● b\n● a");
    let drawn = draw(&["m x y", "y", "x"]);
    assert_eq!(drawn, "● m\n├─╮\n│ ● y\n● x");
}
