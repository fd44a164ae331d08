enum Color { Red, Green = 'g' }
fn(Color.Red);
