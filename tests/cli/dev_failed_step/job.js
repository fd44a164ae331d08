fn(state => { throw new Error('no'); });
