def with_margins(table):
    rows, columns = table.shape
    result = torch.empty(rows + 1, columns + 1)
    result[:rows, :columns] = table
    result[:rows, columns] = table.mean(1)
    result[rows, :columns] = table.mean(0)
    result[rows, columns] = table.mean()
    return result
