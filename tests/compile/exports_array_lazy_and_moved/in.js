get($.a).then(b);
export default [fn($.c)]
