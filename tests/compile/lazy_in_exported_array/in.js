export default [get($.url), fn($.a)];
