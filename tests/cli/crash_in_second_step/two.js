export default [s => {
  console.log('before');
  return missing(s);
}];
