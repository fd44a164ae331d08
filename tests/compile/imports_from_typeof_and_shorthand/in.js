const a = { get };
const b = typeof post;
