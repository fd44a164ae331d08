export default [];
fn(1);
