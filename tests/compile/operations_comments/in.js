// The whole job.

// First.
fn(1); // one
/* Second */ get(2) /* two */; // more

// post(3);
