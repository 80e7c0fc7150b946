def times(factor, values):
    return [factor * value for value in values]
