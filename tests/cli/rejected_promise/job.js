export default [async () => {
  await null;
  throw Object.assign(new Error("not found"), { code: 404 });
}];
