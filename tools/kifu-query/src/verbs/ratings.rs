//! `kifu-query ratings`

use clap::Args;
use kifu::cli::{Column, ExitCode, Failure};
use kifu::node::api::{Noun, Request};
use serde_json::{Value, json};

use crate::connect::ConnectArgs;
use crate::session::Session;
use crate::show::{ListArgs, View, nothing, print};

/// Options of `ratings`.
#[derive(Args)]
#[command(
    after_help = "Ratings follow from the matches in the log each time they are asked for. The random player is the\n\
    anchor of every game, at 0 Elo; ratings of different games have nothing to do with each other.\n\n\
    Examples:\n  kifu-query ratings --data n1 --filter game=connect4\n  kifu-query ratings --data n1 --at 1h --output json"
)]
pub struct Ratings {
    /// Common options.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Ratings of all games.
pub const VIEW: View = View { noun: Noun::Ratings, columns, derive: nothing };

/// Width of an interval's picture.
const BAR_CHARS: usize = 31;

impl Ratings {
    /// Lists the ratings, each with a picture of its interval beside those of the same game.
    pub async fn run(self, connect: ConnectArgs) -> Result<ExitCode, Failure> {
        let session = Session::open(&connect).await?;
        let (mut rows, footer) = session.rows(&Request::List { noun: Noun::Ratings }).await?;
        let names = session.names().await?;
        let mut printer = self.list.output.printer();
        if !printer.format().is_for_programs() {
            draw(&mut rows);
        }
        print(&mut printer, &VIEW, rows, &self.list.filters, &names, &footer)?;
        Ok(ExitCode::Ok)
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::new("id").wide(),
        Column::new("game"),
        Column::new("rank"),
        Column::new("player"),
        Column::new("elo"),
        Column::new("low"),
        Column::new("high"),
        Column::new("interval"),
        Column::new("games"),
        Column::new("anchor").wide(),
        Column::new("error").wide(),
    ]
}

/// Adds the pictures, on one scale for each game, and rounds to whole Elo.
fn draw(rows: &mut [Value]) {
    let ends: Vec<Option<(String, f64, f64)>> = rows
        .iter()
        .map(|row| Some((row["game"].as_str()?.to_owned(), row["low"].as_f64()?, row["high"].as_f64()?)))
        .collect();
    for row in rows.iter_mut() {
        let of_game = ends.iter().flatten().filter(|(game, _, _)| row["game"].as_str() == Some(game));
        let (least, most) =
            of_game.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| (low.min(end.1), high.max(end.2)));
        let (Some(low), Some(elo), Some(high)) = (row["low"].as_f64(), row["elo"].as_f64(), row["high"].as_f64())
        else {
            row["interval"] = row["error"].clone();
            continue;
        };
        let column = |value: f64| {
            let share = if most > least { (value - least) / (most - least) } else { 0.5 };
            (share * (BAR_CHARS - 1) as f64).round() as usize
        };
        row["interval"] = json!(bar(column(low), column(elo), column(high)));
        for field in ["elo", "low", "high"] {
            row[field] = json!(row[field].as_f64().map(|elo| elo.round() as i64));
        }
    }
}

/// An interval from `low` to `high` with its middle: `  ├──●────┤`.
fn bar(low: usize, middle: usize, high: usize) -> String {
    let cell = |at: usize| match at {
        at if at == middle => '●',
        at if at < low || at > high => ' ',
        at if at == low => '├',
        at if at == high => '┤',
        _ => '─',
    };
    (0..BAR_CHARS).map(cell).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::testing::listed;
    use expect_test::expect;
    use kifu::cli::Format;

    fn rows() -> Vec<Value> {
        let row = |game: &str, rank: u32, player: &str, (low, elo, high): (f64, f64, f64), games: u64| {
            let id = format!("rating/{game}/{player}");
            json!({"id": id, "game": game, "rank": rank, "player": player, "elo": elo, "low": low, "high": high,
                "games": games, "anchor": player == "random"})
        };
        vec![
            row("connect4", 1, "model/connect4-g2-9a", (350.25, 480.5, 650.0), 240),
            row("connect4", 2, "model/connect4-g1-1f", (250.0, 300.4, 350.0), 440),
            row("connect4", 3, "random", (0.0, 0.0, 0.0), 80),
            json!({"id": "rating/ringrift-hex8-2p", "game": "ringrift-hex8-2p", "error": "cannot rate without an anchor"}),
        ]
    }

    #[test]
    fn people_see_intervals_side_by_side() {
        let mut rows = rows();
        draw(&mut rows);
        expect![[r#"
            GAME              RANK  PLAYER                ELO  LOW  HIGH  INTERVAL                         GAMES
            connect4          1     model/connect4-g2-9a  481  350  650                   ├─────●───────┤  240
            connect4          2     model/connect4-g1-1f  300  250  350               ├─●─┤                440
            connect4          3     random                0    0    0     ●                                80
            ringrift-hex8-2p  -     -                     -    -    -     cannot rate without an anchor    -
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]]
        .assert_eq(&listed(&VIEW, Format::Table, json!(rows)));
    }

    #[test]
    fn programs_see_plain_numbers() {
        let first = json!([rows()[0].clone()]);
        expect![[r#"
            id,game,rank,player,elo,low,high,interval,games,anchor,error
            rating/connect4/model/connect4-g2-9a,connect4,1,model/connect4-g2-9a,480.5,350.25,650.0,,240,false,
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]]
        .assert_eq(&listed(&VIEW, Format::Csv, first));
    }
}
