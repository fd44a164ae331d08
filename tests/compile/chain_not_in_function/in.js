fn(state => {
  return fetch(state.url).then(r => r.json());
});
fn(() => load().catch(e => e));
function later() {
  return load().then(a);
}
