const steps = [get(1)];
fn(1);
export default steps;
