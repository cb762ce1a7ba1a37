// Encoders of the page that needs no server. The ids are those of fasttok; tests compare them in a browser.
// `encodeAll(data, text, special)` returns what the server returns.
"use strict";

globalThis.encodeAll = (() => {
  const TO_UTF8 = new TextEncoder();
  const FROM_UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
  const MOST_CACHED = 50000; // pretokens
  const SHORT = 4192; // bytes of the longest row that Unigram encodes in single precision
  const MOST_SCORE = 100000; // absolute sum in single precision after which sums restart from 0
  const MARK = "▁";

  class UnknownCharacter extends Error {
    constructor(character) {
      const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      super(`cannot encode '${character}' (U+${code}): the character, or the word that starts with it, is not in the vocabulary`);
    }
  }

  // Return the bytes of a text; U+FFFD replaces lone surrogates.
  const toBytes = (text) => TO_UTF8.encode(text);

  // Ids of a row, and the texts of its unknown tokens by their position.
  class Output {
    constructor(unk) {
      this.unk = unk;
      this.ids = [];
      this.unknown = new Map();
      this.rowStart = 0;
    }

    push(id, text) {
      if (id === this.unk) this.unknown.set(this.ids.length, text);
      this.ids.push(id);
    }

    // Push an unknown token, or add its text to the unknown token before it.
    pushFused(text) {
      const last = this.ids.length - 1;
      if (last >= this.rowStart && this.ids[last] === this.unk) this.unknown.set(last, this.unknown.get(last) + text);
      else this.push(this.unk, text);
    }
  }

  // Added tokens

  const escapePattern = (text) => [...text].map((one) => `\\u{${one.codePointAt(0).toString(16)}}`).join("");

  // Return a function that splits a text at tokens: the first one, and of several that begin there, the longest.
  function makeSplitter(tokens) {
    if (tokens.length === 0) return (text) => [text];
    const ids = new Map(tokens.map(({ text, id }) => [text, id]));
    const longestFirst = [...ids.keys()].sort((a, b) => b.length - a.length);
    const pattern = new RegExp(longestFirst.map(escapePattern).join("|"), "gu");
    return (text) => {
      const parts = [];
      let end = 0;
      for (const match of text.matchAll(pattern)) {
        if (match.index > end) parts.push(text.slice(end, match.index));
        parts.push({ id: ids.get(match[0]), text: match[0] });
        end = match.index + match[0].length;
      }
      if (end < text.length) parts.push(text.slice(end));
      return parts;
    };
  }

  // Pretokenizers: each step makes pretokens of a pretoken.

  const STEPS = {
    pattern: ({ pattern }, sets) => {
      const compiled = new RegExp(pattern.replace(/\\p\{(\w+)\}/g, (_, name) => sets[name]), "gu");
      return (text) => text.match(compiled) ?? [];
    },
    threes: ({ digits }, sets) => { // groups of three digits from the right
      const compiled = new RegExp(`[${sets[digits]}]+|[^${sets[digits]}]+`, "gu");
      const isNumber = new RegExp(`[${sets[digits]}]`, "u");
      return (text) => (text.match(compiled) ?? []).flatMap((run) => {
        if (!isNumber.test(run)) return [run];
        const numerals = [...run], first = numerals.length % 3, groups = first ? [numerals.slice(0, first).join("")] : [];
        for (let i = first; i < numerals.length; i += 3) groups.push(numerals.slice(i, i + 3).join(""));
        return groups;
      });
    },
    classes: ({ starts, classes }) => {
      // The class of a code point: 0 is dropped; runs of the same class are pretokens; bit 6 ends one, bit 7 begins one.
      const classOf = findIn(starts, classes);
      return (text) => {
        const found = [];
        let run = "", before = 0;
        for (const one of text) {
          const after = classOf(one.codePointAt(0));
          if (run && ((before ^ after) & 0x3f || before & 0x40 || after & 0x80)) {
            found.push(run);
            run = "";
          }
          if (after & 0x3f) run += one;
          before = after;
        }
        if (run) found.push(run);
        return found;
      };
    },
    scripts: ({ starts, classes }) => {
      // 0: the script of the character before it; 255: ▁, which has the script of the character after it.
      const scriptOf = findIn(starts, classes);
      return (text) => {
        const found = [];
        let run = "", marks = "", current = 0;
        for (const one of text) {
          const script = scriptOf(one.codePointAt(0));
          if (script === 255) {
            marks += one;
            continue;
          }
          if (script !== current && script !== 0) {
            if (current !== 0) {
              if (run) found.push(run);
              run = "";
            }
            current = script;
          }
          run += marks + one;
          marks = "";
        }
        run += marks;
        if (run) found.push(run);
        return found;
      };
    },
    metaspace: ({ prefix, removes, splits }) => (text) => {
      let marked = removes ? text.replace(/^ +/, "") : text;
      if (marked === "") return [];
      marked = (prefix ? MARK : "") + marked.replace(removes ? / +/g : / /g, MARK);
      let end = marked.length;
      while (removes && end > 0 && marked[end - 1] === MARK) end -= 1;
      marked = marked.slice(0, end);
      return splits ? marked.match(/[^][^▁]*/gu) ?? [] : marked ? [marked] : [];
    },
  };

  // Return a function that finds the class of a code point, given the first code point and the class of each run.
  function findIn(starts, classes) {
    return (code) => {
      let low = 0, high = starts.length;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (starts[middle] <= code) low = middle;
        else high = middle;
      }
      return classes[low];
    };
  }

  // Models: each encodes the pretokens of a row.

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

  const MODELS = {
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

  // Tokenizers

  function makeEncoder(encoder, sets) {
    const splitters = [false, true].map((special) => [false, true].map((normalized) =>
      makeSplitter(encoder.added.filter((token) => (special || !token.special) && token.normalized === normalized))));
    const steps = encoder.steps.map((step) => STEPS[step.kind](step, sets));
    const encodeRow = MODELS[encoder.model.kind](encoder.model, encoder.pieces);
    const isWhole = encoder.steps.some((step) => step.kind === "metaspace");
    return (text, special) => {
      const [raw, normalized] = splitters[Number(special)];
      const parts = raw(text).flatMap((part) => (typeof part === "string" ? normalized(part) : [part]));
      if (isWhole && parts.some((part) => typeof part !== "string")) {
        throw new Error("this page cannot split a text at special tokens for this tokenizer; use fasttok play without --static");
      }
      const out = new Output(encoder.unk);
      for (const part of parts) {
        out.rowStart = out.ids.length;
        if (typeof part !== "string") out.push(part.id, part.text);
        else if (part) encodeRow(steps.reduce((pretokens, step) => pretokens.flatMap(step), [part]), out);
      }
      return out;
    };
  }

  const SIGNS = new Map([[" ", "·"], ["\n", "\\n"], ["\r", "\\r"], ["\t", "\\t"], ["\\", "\\\\"]]);
  const readable = (text) => [...text].map((one) => SIGNS.get(one) ?? one).join("");
  const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const encoders = new Map();

  function answer(tokenizer, sets, mostShown, text, special) {
    const { encoder } = tokenizer;
    if (!encoders.has(tokenizer)) encoders.set(tokenizer, makeEncoder(encoder, sets));
    let out;
    try {
      out = encoders.get(tokenizer)(text, special);
    } catch (error) {
      return { error: { type: error.constructor.name, message: error.message } };
    }
    const ids = out.ids.slice(0, mostShown), pieces = {}, unknown = {};
    const specialIds = new Set(encoder.added.filter((token) => token.special).map((token) => token.id));
    for (const id of ids) {
      pieces[id] ??= [
        ...encoder.labels[id] ?? [encoder.pieces[id].replaceAll(" ", "·"), toHex(toBytes(encoder.pieces[id]))],
        specialIds.has(id) ? "special" : "",
      ];
    }
    for (const [position, one] of out.unknown) if (position < mostShown) unknown[position] = [readable(one), toHex(toBytes(one))];
    return { n: out.ids.length, ids, pieces, unknown };
  }

  return (data, given, special) => {
    const bytes = toBytes(given), text = FROM_UTF8.decode(bytes);
    let characters = 0;
    for (let i = 0; i < text.length; i += text.codePointAt(i) > 0xffff ? 2 : 1) characters += 1;
    const tokenizers = data.tokenizers.map((one) => answer(one, data.sets, data.mostShown, text, special));
    return { bytes: bytes.length, characters, tokenizers };
  };
})();
