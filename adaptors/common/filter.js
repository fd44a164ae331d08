// The expressions in a path: `[?(@.age >= 18 && @.name != 'x')]` and `[(@.length - 1)]`. A small language of its own,
// made into closures; it can compare, calculate and read own properties, and cannot call anything.
//
// A property of nothing is undefined, as after `?.`: items of real data lack keys, and a filter is how one finds out.

const BINARY = [
  { "||": (a, b) => (v, k, r) => a(v, k, r) || b(v, k, r) },
  { "&&": (a, b) => (v, k, r) => a(v, k, r) && b(v, k, r) },
  {
    "===": (a, b) => (v, k, r) => a(v, k, r) === b(v, k, r),
    "!==": (a, b) => (v, k, r) => a(v, k, r) !== b(v, k, r),
    // Loose, as jsonpath-plus has it: '1' == 1 is what jobs over CSV data rely on.
    "==": (a, b) => (v, k, r) => a(v, k, r) == b(v, k, r),
    "!=": (a, b) => (v, k, r) => a(v, k, r) != b(v, k, r),
  },
  {
    "<=": (a, b) => (v, k, r) => a(v, k, r) <= b(v, k, r),
    ">=": (a, b) => (v, k, r) => a(v, k, r) >= b(v, k, r),
    "<": (a, b) => (v, k, r) => a(v, k, r) < b(v, k, r),
    ">": (a, b) => (v, k, r) => a(v, k, r) > b(v, k, r),
  },
  { "+": (a, b) => (v, k, r) => a(v, k, r) + b(v, k, r), "-": (a, b) => (v, k, r) => a(v, k, r) - b(v, k, r) },
  {
    "*": (a, b) => (v, k, r) => a(v, k, r) * b(v, k, r),
    "/": (a, b) => (v, k, r) => a(v, k, r) / b(v, k, r),
    "%": (a, b) => (v, k, r) => a(v, k, r) % b(v, k, r),
  },
];

const WORDS = { __proto__: null, true: true, false: false, null: null, undefined: undefined };
const NAME = /[\p{L}_$][\p{L}\p{N}_$]*/uy;
const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;

/**
 * Parses the expression that starts at `start` of `text`. Answers a function of (the value `@`, its key, the root) and
 * where the expression ends. `refuse(at, what)` makes the error of a place.
 */
export function expression(text, start, refuse) {
  let at = start;
  const evaluate = binary(0);
  return [evaluate, at];

  function space() {
    while (/\s/.test(text[at] ?? "")) at++;
  }

  function binary(level) {
    if (level === BINARY.length) return unary();
    let left = binary(level + 1);
    for (;;) {
      space();
      const operator = Object.keys(BINARY[level]).find((operator) => text.startsWith(operator, at));
      if (operator === undefined) return left;
      at += operator.length;
      left = BINARY[level][operator](left, binary(level + 1));
    }
  }

  function unary() {
    space();
    const operator = text[at];
    if (operator !== "!" && operator !== "-" && operator !== "+") return postfix(primary());
    at++;
    const operand = unary();
    if (operator === "!") return (v, k, r) => !operand(v, k, r);
    return operator === "-" ? (v, k, r) => -operand(v, k, r) : (v, k, r) => +operand(v, k, r);
  }

  function primary() {
    space();
    const from = at;
    switch (text[at]) {
      case "(": {
        at++;
        const inner = binary(0);
        space();
        if (text[at] !== ")") throw refuse(at, `expected ")" or an operator`);
        at++;
        return inner;
      }
      case `"`:
      case "'": {
        const string = quoted();
        return () => string;
      }
      case "@": {
        at++;
        const word = match(NAME);
        if (word === undefined) return (value) => value;
        if (word === "property") return (_value, key) => key;
        if (word === "root") return (_value, _key, root) => root;
        throw refuse(from, `"@${word}" is not supported; there are "@", "@property" and "@root"`);
      }
      case "/":
        throw refuse(at, "regular expressions are not supported in a path: filter in JavaScript instead");
    }
    const number = match(NUMBER);
    if (number !== undefined) {
      const value = Number(number);
      return () => value;
    }
    const word = match(NAME);
    if (word === "$") return (_value, _key, root) => root;
    if (word === undefined) throw refuse(at, "expected a value like @.key, 12 or 'text'");
    if (!(word in WORDS)) throw refuse(from, `"${word}" means nothing here: a text needs quotes, a key needs "@." in front`);
    return () => WORDS[word];
  }

  function postfix(value) {
    for (;;) {
      space();
      if (text[at] === "." && text[at + 1] !== ".") {
        at++;
        const key = match(NAME) ?? match(/\d+/y);
        if (key === undefined) throw refuse(at, `expected a key after "."`);
        value = property(value, () => key);
      } else if (text[at] === "[") {
        at++;
        value = property(value, binary(0));
        space();
        if (text[at] !== "]") throw refuse(at, `expected "]"`);
        at++;
      } else if (text[at] === "(") {
        throw refuse(at, "calls are not supported in a path: filter in JavaScript instead");
      } else {
        return value;
      }
    }
  }

  function match(pattern) {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  }

  function quoted() {
    const from = at;
    let string = "";
    for (at++; at < text.length; at++) {
      if (text[at] === text[from]) {
        at++;
        return string;
      }
      if (text[at] === "\\" && at + 1 < text.length) at++;
      string += text[at];
    }
    throw refuse(from, "a quote is never closed");
  }
}

function property(of, name) {
  return (v, k, r) => {
    const value = of(v, k, r);
    const key = name(v, k, r);
    return value !== null && value !== undefined && Object.hasOwn(value, key) ? value[key] : undefined;
  };
}
