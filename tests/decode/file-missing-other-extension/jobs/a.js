fn(state => state)
