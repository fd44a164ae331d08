// limit: memory=64 step=300
// ends: kill timeout
// why: after a kill nothing more of the run happens.
fn(() => {
  while (true);
});
// --- next step
fn(() => ({ ok: true }));
