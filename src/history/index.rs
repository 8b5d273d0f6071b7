//! Where in a file which times are: one entry per block of lines, so that a query reads what it needs. Blocks hold the
//! earliest and the latest time in them, as clocks are set back and lines then stand out of order.

use jiff::Timestamp;

/// Lines in a block.
const LINES: u32 = 64;

#[derive(Debug, Clone)]
struct Block {
    start: u64,
    lines: u32,
    earliest: Timestamp,
    latest: Timestamp,
}

/// The blocks of one file.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    blocks: Vec<Block>,
    end: u64,
}

impl Index {
    /// A line of `bytes` bytes at `start` that carries this time.
    pub(super) fn push(&mut self, start: u64, bytes: u64, at: Timestamp) {
        self.end = start + bytes;
        match self.blocks.last_mut().filter(|block| block.lines < LINES) {
            Some(block) => {
                block.lines += 1;
                block.earliest = block.earliest.min(at);
                block.latest = block.latest.max(at);
            }
            None => self.blocks.push(Block {
                start,
                lines: 1,
                earliest: at,
                latest: at,
            }),
        }
    }

    /// Pieces of the file, each from and up to a byte, in which all lines of these times are.
    pub(super) fn pieces(&self, from: Timestamp, to: Timestamp) -> Vec<(u64, u64)> {
        let mut pieces: Vec<(u64, u64)> = Vec::new();
        let ends = self.blocks.iter().skip(1).map(|block| block.start);
        for (block, end) in self.blocks.iter().zip(ends.chain([self.end])) {
            if block.latest < from || block.earliest > to {
                continue;
            }
            match pieces.last_mut().filter(|piece| piece.1 == block.start) {
                Some(piece) => piece.1 = end,
                None => pieces.push((block.start, end)),
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn only_blocks_with_these_times_are_read_also_out_of_order() {
        let mut index = Index::default();
        for line in 0..256 {
            // The third block was written with the clock an hour ahead.
            let ahead = if (128..192).contains(&line) { 3600 } else { 0 };
            index.push(10 + line * 5, 5, at(i64::try_from(line).expect("small") + ahead));
        }
        assert_eq!(index.pieces(at(0), at(5000)), [(10, 1290)]);
        assert_eq!(index.pieces(at(70), at(80)), [(330, 650)]);
        assert_eq!(index.pieces(at(100), at(200)), [(330, 650), (970, 1290)]);
        assert_eq!(index.pieces(at(3600), at(9999)), [(650, 970)]);
        assert_eq!(index.pieces(at(500), at(600)), []);
    }
}
