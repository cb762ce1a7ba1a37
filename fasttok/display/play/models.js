// Models of the page that needs no server: each returns an encoder of the pretokens of a row.
"use strict";

globalThis.encoderModels = (() => {
  const TO_UTF8 = new TextEncoder();
  const MOST_CACHED = 50000; // pretokens
  const SHORT = 4192; // bytes of the longest row that Unigram encodes in single precision
  const MOST_SCORE = 100000; // absolute sum in single precision after which sums restart from 0
  const toBytes = (text) => TO_UTF8.encode(text);

  class UnknownCharacter extends Error {
    constructor(character) {
      const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      super(`cannot encode '${character}' (U+${code}): the character, or the word that starts with it, is not in the vocabulary`);
    }
  }

  // Apply merges to ids, the one with the lowest rank first, the leftmost first.
  function merge(ids, merges) {
    const n = ids.length;
    const next = new Int32Array(n), before = new Int32Array(n), heap = [];
    const keyOf = (left, right) => left * 4194304 + right;
    const smaller = (a, b) => a.rank < b.rank || (a.rank === b.rank && a.at < b.at);
    const add = (at) => {
      if (at < 0 || next[at] >= n) return;
      const found = merges.get(keyOf(ids[at], ids[next[at]]));
      if (found === undefined) return;
      let i = heap.push({ rank: found.rank, at, left: ids[at], right: ids[next[at]], id: found.id }) - 1;
      for (let up; i > 0 && smaller(heap[i], heap[up = (i - 1) >> 1]); i = up) [heap[i], heap[up]] = [heap[up], heap[i]];
    };
    const take = () => {
      const top = heap[0], last = heap.pop();
      if (heap.length === 0) return top;
      heap[0] = last;
      for (let i = 0; ;) {
        let least = i;
        for (const child of [2 * i + 1, 2 * i + 2]) if (child < heap.length && smaller(heap[child], heap[least])) least = child;
        if (least === i) return top;
        [heap[i], heap[least]] = [heap[least], heap[i]];
        i = least;
      }
    };
    for (let i = 0; i < n; i++) { next[i] = i + 1; before[i] = i - 1; }
    for (let i = 0; i < n - 1; i++) add(i);
    while (heap.length > 0) {
      const { at, left, right, id } = take();
      const other = next[at];
      if (other >= n || ids[at] !== left || ids[other] !== right) continue; // one of them has merged since
      ids[at] = id;
      ids[other] = -1;
      next[at] = next[other];
      if (next[at] < n) before[next[at]] = at;
      add(before[at]);
      add(at);
    }
    return ids.filter((id) => id >= 0);
  }

  function readMerges(flat) {
    const merges = new Map();
    for (let i = 0; i < flat.length; i += 3) merges.set(flat[i] * 4194304 + flat[i + 1], { rank: i, id: flat[i + 2] });
    return merges;
  }

  // Return an encoder of rows from one of pretokens, which returns pairs of an id and a text; it caches them.
  function byPretoken(encode) {
    const cache = new Map();
    return (pretokens, out) => {
      for (const pretoken of pretokens) {
        let found = cache.get(pretoken);
        if (found === undefined) {
          found = encode(pretoken);
          if (cache.size < MOST_CACHED) cache.set(pretoken, found);
        }
        for (const [id, text] of found) out.push(id, text);
      }
    };
  }

  return {
    bpe: ({ bytes, merges: flat, whole }, pieces) => {
      const merges = readMerges(flat);
      const ids = whole ? new Map(whole.map((id) => [pieces[id], id])) : new Map();
      return byPretoken((pretoken) => {
        const id = ids.get(pretoken);
        if (id !== undefined) return [[id]];
        return merge(Array.from(toBytes(pretoken), (byte) => bytes[byte]), merges).map((one) => [one]);
      });
    },
    bpe_characters: ({ characters, rest, last, bytes, markedBytes, unk, fuses, drops, merges: flat, whole }, pieces) => {
      const merges = readMerges(flat), table = new Map(characters);
      const ids = whole ? new Map(whole.map((id) => [pieces[id], id])) : new Map();
      return byPretoken((pretoken) => {
        if (ids.has(pretoken)) return [[ids.get(pretoken)]];
        const symbols = [], texts = [], all = [...pretoken];
        let unknown = "";
        const flush = () => {
          if (unknown) { texts.push(unknown); symbols.push(unk); }
          unknown = "";
        };
        all.forEach((one, i) => {
          const isRest = rest && i > 0, isLast = last && i === all.length - 1;
          const id = table.get(one.codePointAt(0) * 4 + (isRest ? 2 : 0) + (isLast ? 1 : 0));
          const ofBytes = Array.from(toBytes(one), (byte) => (bytes ? bytes[byte] : -1));
          if (id !== undefined) {
            flush();
            symbols.push(id);
          } else if (bytes && (markedBytes || !(isRest || isLast)) && ofBytes.every((byte) => byte >= 0)) {
            symbols.push(...ofBytes);
          } else if (unk === null) {
            if (!drops) throw new UnknownCharacter(one);
          } else {
            if (!fuses) flush();
            unknown += one;
          }
        });
        flush();
        let position = 0;
        return merge(symbols, merges).map((id) => (id === unk ? [id, texts[position++] ?? ""] : [id]));
      });
    },
    unigram: ({ ids, scores, unkScore, unk, bytes }, pieces) => {
      const root = { next: new Map(), id: -1 };
      ids.forEach((id) => {
        let node = root;
        for (const one of pieces[id]) {
          if (!node.next.has(one)) node.next.set(one, { next: new Map(), id: -1 });
          node = node.next.get(one);
        }
        node.id = id;
      });
      const scoreOf = new Map(ids.map((id, i) => [id, scores[i]]));
      const round = Math.fround;
      // Return the best segmentation as pairs of an id, or -1 for an unknown character, and a text; and its score.
      // Scores are sums from `first` on, in single precision if `first` is not null.
      function findBest(pretoken, first) {
        const isSingle = first !== null, all = [...pretoken], n = all.length;
        const plus = isSingle ? (a, b) => round(round(a) + round(b)) : (a, b) => a + b;
        const best = new Float64Array(n + 1).fill(NaN), from = new Int32Array(n + 1), by = new Int32Array(n + 1);
        best[0] = isSingle ? first : 0;
        for (let start = 0; start < n; start++) {
          let here = best[start];
          if (isSingle && Math.abs(here) > MOST_SCORE) {
            for (let i = start + 1; i <= n; i++) best[i] = round(best[i] - here);
            here = 0;
          }
          const visit = (end, id, score) => {
            if (!(score <= best[end])) { best[end] = score; from[end] = start; by[end] = id; }
          };
          let isPiece = false;
          let node = root;
          for (let end = start + 1; end <= n; end++) {
            node = node.next.get(all[end - 1]);
            if (node === undefined) break;
            if (node.id < 0) continue;
            visit(end, node.id, plus(here, scoreOf.get(node.id)));
            isPiece ||= end === start + 1;
          }
          if (!isPiece) visit(start + 1, -1, plus(here, unkScore));
        }
        const found = [];
        for (let end = n; end > 0; end = from[end]) found.push([by[end], all.slice(from[end], end).join("")]);
        return { found: found.reverse(), score: best[n] };
      }
      const cache = new Map();
      return (pretokens, out) => {
        const isShort = pretokens.reduce((n, one) => n + toBytes(one).length, 0) <= SHORT;
        let score = 0;
        for (const pretoken of pretokens) {
          let found = isShort ? undefined : cache.get(pretoken);
          if (found === undefined) {
            const result = findBest(pretoken, isShort ? score : null);
            found = result.found;
            score = result.score;
            if (!isShort && cache.size < MOST_CACHED) cache.set(pretoken, found);
          }
          for (const [id, text] of found) {
            if (id >= 0) out.push(id);
            else if (bytes) for (const byte of toBytes(text)) out.push(bytes[byte]);
            else if (unk === null) throw new UnknownCharacter(text);
            else out.pushFused(text);
          }
        }
      };
    },
    wordpiece: ({ begin, inside, prefix, unk, mostCharacters, mostBytes }, pieces) => {
      const begins = new Map(begin.map((id) => [pieces[id], id]));
      const continues = new Map(inside.map((id) => [pieces[id].slice(prefix), id]));
      const longest = Math.max(1, ...[...begins.keys(), ...continues.keys()].map((piece) => piece.length));
      return byPretoken((word) => {
        const ids = [];
        let start = 0;
        const isLong = (mostCharacters !== null && [...word].length > mostCharacters) ||
          (mostBytes !== null && toBytes(word).length > mostBytes);
        while (!isLong && start < word.length) {
          const table = start === 0 ? begins : continues;
          let end = Math.min(word.length, start + longest);
          while (end > start && !table.has(word.slice(start, end))) end -= 1;
          if (end === start) break;
          ids.push([table.get(word.slice(start, end)), word]);
          start = end;
        }
        if (start === word.length) return ids;
        if (unk === null) throw new UnknownCharacter(word);
        return [[unk, word]];
      });
    },
    units: ({ units, whole, bytes, unk, fuses }, pieces) => {
      const ids = new Map(units.map((id) => [pieces[id], id]));
      return (pretokens, out) => {
        for (const pretoken of pretokens) {
          for (const one of whole ? [pretoken] : pretoken) {
            const id = ids.get(one);
            if (id !== undefined) out.push(id, one);
            else if (bytes) for (const byte of toBytes(one)) out.push(bytes[byte]);
            else if (unk === null) throw new UnknownCharacter(one);
            else if (fuses) out.pushFused(one);
            else out.push(unk, one);
          }
        }
      };
    },
  };
})();
