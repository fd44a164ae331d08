fn(state => state
