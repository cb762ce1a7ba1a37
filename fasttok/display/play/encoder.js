// Encoders of the page that needs no server. The ids are those of fasttok; tests compare them in a browser.
// `encodeAll(data, text, special)` returns what the server returns.
"use strict";

globalThis.encodeAll = (() => {
  const TO_UTF8 = new TextEncoder();
  const FROM_UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
  const MARK = "▁";
  const ADVICE = "use fasttok play without --static";

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

  // Normalizers

  // Return a function that replaces each character by itself.
  function makeNormalizer(normalizer) {
    if (normalizer === null) return (text) => text;
    const replaced = new Map(normalizer.replaced);
    const isDropped = findIn(...normalizer.dropped), isSpaced = findIn(...normalizer.spaced);
    const refused = new Set(normalizer.refused);
    const replace = (one) => {
      const code = one.codePointAt(0);
      if (refused.has(code)) throw new Error(`this page cannot order the mark U+${code.toString(16)}; ${ADVICE}`);
      if (normalizer.hangul && code >= 0xac00 && code <= 0xd7a3) return one.normalize("NFD");
      return replaced.get(code) ?? (isDropped(code) ? "" : isSpaced(code) ? ` ${one} ` : one);
    };
    return (text) => Array.from(text, replace).join("");
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

  // Tokenizers

  function makeEncoder(encoder, sets) {
    const splitters = [false, true].map((special) => [false, true].map((normalized) =>
      makeSplitter(encoder.added.filter((token) => (special || !token.special) && token.normalized === normalized))));
    const normalize = makeNormalizer(encoder.normalizer);
    const steps = encoder.steps.map((step) => STEPS[step.kind](step, sets));
    const encodeRow = globalThis.encoderModels[encoder.model.kind](encoder.model, encoder.pieces);
    const isWhole = encoder.steps.some((step) => step.kind === "metaspace");
    return (text, special) => {
      const [raw, normalized] = splitters[Number(special)];
      const parts = raw(text).flatMap((part) => (typeof part === "string" ? normalized(normalize(part)) : [part]));
      if (isWhole && parts.some((part) => typeof part !== "string")) {
        throw new Error(`this page cannot split a text at special tokens for this tokenizer; ${ADVICE}`);
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
