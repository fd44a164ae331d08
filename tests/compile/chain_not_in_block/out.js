{
  load().then(a);
}
if (a) {
  load().then(a);
}
export default [];
